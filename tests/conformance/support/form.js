// Small readings of the client's nodes, and texts that suites share.

/** A password that every policy takes, and two that differ enough from it and each other. */
export const PASSWORD = 'Tr0ub4dor&3x!';
export const OTHER_PASSWORD = 'Qu1ck=Brown7fox';
export const WEAK_PASSWORD = 'short';

/** What a person registers with. */
export function person(email, password = PASSWORD) {
  return { email, password, givenName: 'Ada', familyName: 'Lovelace' };
}

/** Keys of a node's collectors with the collector's type, in the order of the form. */
export function keys(node) {
  return Object.fromEntries(node.client.collectors.map(({ name, type }) => [name, type]));
}

/** What a node says in one line: its status and, where there is one, its form's name. */
export function at(node) {
  return node.client?.name ? `${node.status}: ${node.client.name}` : node.status;
}

/** What the OIDC client says when everything of a logout went well. */
export const LOGGED_OUT = { sessionResponse: null, revokeResponse: null, deleteResponse: null };
