// A page with every type of field, and what the stand-in received of it.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { World } from '../support/app.js';
import { at, keys } from '../support/form.js';

describe('every field', () => {
  let world;
  before(async () => void (world = await World.open()));
  after(() => world?.close());

  async function atEveryField() {
    const app = await world.visitor();
    const node = await app.start({ acr_values: world.tenant.ready.policies.coverage });
    assert.equal(at(node), 'continue: Every Field');
    return { app, node };
  }

  /** What the page after says was received. */
  function received(node) {
    assert.equal(at(node), 'continue: What Was Received');
    return JSON.parse(node.client.description);
  }

  const UNTOUCHED = {
    text: 'prefilled',
    'plain-text': '',
    password: '',
    'new-password': '',
    radio: '',
    dropdown: '',
    checkbox: [],
    combobox: ['rust'],
    'single-checkbox': false,
    phone: { countryCode: 'GB', phoneNumber: '' },
    'phone-extension': { countryCode: '', phoneNumber: '', extension: '' },
    'device-registration': '',
    'device-authentication': { type: 'EMAIL', id: '4c9d2f16-8b3e-4a7d-9f05-1e6b7c8d9a02', value: 'a***@example.com' },
    'fido-register': {},
    'fido-authenticate': {},
    protect: '',
    protectsdk: '',
  };

  test('the client makes a collector of every field, each without an error', async () => {
    const { node } = await atEveryField();
    const types = keys(node);
    const expected = {
      'rich-label': 'ReadOnlyCollector',
      text: 'TextCollector',
      'plain-text': 'TextCollector',
      password: 'PasswordCollector',
      'new-password': 'ValidatedPasswordCollector',
      radio: 'SingleSelectCollector',
      dropdown: 'SingleSelectCollector',
      checkbox: 'MultiSelectCollector',
      combobox: 'MultiSelectCollector',
      'single-checkbox': 'BooleanCollector',
      phone: 'PhoneNumberCollector',
      'phone-extension': 'PhoneNumberExtensionCollector',
      'device-registration': 'DeviceRegistrationCollector',
      'device-authentication': 'DeviceAuthenticationCollector',
      'fido-register': 'FidoRegistrationCollector',
      'fido-authenticate': 'FidoAuthenticationCollector',
      protect: 'ProtectCollector',
      protectsdk: 'TextCollector',
      hologram: 'UnknownCollector',
      qr: 'QrCodeCollector',
      SUBMIT: 'SubmitCollector',
      ASIDE: 'FlowCollector',
      LINK: 'FlowCollector',
      'google-login': 'IdpCollector',
    };
    assert.deepEqual({ ...types, ...expected }, types);
    const wrong = node.client.collectors.filter(({ error, type }) => error !== null && type !== 'UnknownCollector');
    assert.deepEqual(wrong.map(({ name, error }) => [name, error]), []);
  });

  test('untouched fields arrive as the client leaves them', async () => {
    const { app } = await atEveryField();
    const { formData } = received(await app.submit());
    assert.deepEqual(formData, UNTOUCHED);
  });

  test('touched fields arrive as the client encodes them', async () => {
    const { app } = await atEveryField();
    const node = await app.submit({
      text: 'Ada "the first" <b>',
      'plain-text': 'plain ü',
      password: 'Tr0ub4dor&3x!',
      'new-password': 'Qu1ck=Brown7fox',
      radio: '2',
      dropdown: 'blue',
      checkbox: ['news', 'offers'],
      combobox: ['java'],
      'single-checkbox': true,
      phone: { countryCode: 'GB', phoneNumber: '7700900123' },
      'phone-extension': { countryCode: 'US', phoneNumber: '2025550123', extension: '42' },
      'device-registration': 'SMS',
      'device-authentication': '5d0e3a27-9c4f-4b8e-8a16-2f7c8d9e0b13',
      'fido-register': { attestationValue: { id: 'credential' } },
      'fido-authenticate': { assertionValue: { id: 'credential' } },
      protect: 'signals',
      protectsdk: 'old signals',
    });
    assert.deepEqual(received(node).formData, {
      text: 'Ada "the first" <b>',
      'plain-text': 'plain ü',
      password: 'Tr0ub4dor&3x!',
      'new-password': 'Qu1ck=Brown7fox',
      radio: '2',
      dropdown: 'blue',
      checkbox: ['news', 'offers'],
      combobox: ['java'],
      'single-checkbox': true,
      phone: { countryCode: 'GB', phoneNumber: '7700900123' },
      'phone-extension': { countryCode: 'US', phoneNumber: '2025550123', extension: '42' },
      'device-registration': 'SMS',
      'device-authentication': { type: 'SMS', id: '5d0e3a27-9c4f-4b8e-8a16-2f7c8d9e0b13', value: '+44***123' },
      'fido-register': { attestationValue: { id: 'credential' } },
      'fido-authenticate': { assertionValue: { id: 'credential' } },
      protect: 'signals',
      protectsdk: 'old signals',
    });
  });

  test('a button and a link that lead aside arrive without values', async () => {
    for (const action of ['ASIDE', 'LINK']) {
      const { app } = await atEveryField();
      const echo = received(await app.press(action));
      assert.equal(echo.eventType, 'action');
      assert.equal(echo.actionKey, action);
    }
  });

  test('the social button carries a way out, and the flow can be left and found again', async () => {
    const { node } = await atEveryField();
    const social = node.client.collectors.find(({ type }) => type === 'IdpCollector');
    assert.equal(new URL(social.output.url).protocol.startsWith('http'), true);
    assert.ok(node.server._links.continue?.href, 'a form with a social button says where to continue');
  });

  test('the flow ends in tokens', async () => {
    const { app } = await atEveryField();
    await app.submit();
    const done = await app.submit();
    assert.equal(done.status, 'success');
    assert.ok((await app.exchange(done)).accessToken);
  });

  test('a page with metadata is submitted, whatever the client knows of it', async () => {
    const { app } = await atEveryField();
    await app.submit();
    assert.equal(at(await app.press('METADATA')), 'continue: Metadata');
    received(await app.submit());
  });
});
