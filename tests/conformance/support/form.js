// Small readings of the client's nodes.

/** Keys of a node's collectors with the collector's type, in the order of the form. */
export function keys(node) {
  return Object.fromEntries(node.client.collectors.map(({ name, type }) => [name, type]));
}
