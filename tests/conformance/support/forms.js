// Forms with every field type, and what a person does with them; the clients' own bodies for them
// are kept under tests/fixtures/genuine, for tests that compare another client with these.

const OPTIONS = [{ label: 'Red', value: 'red' }, { label: 'Green', value: 'green' }, { label: 'Blue', value: 'blue' }];
const SUBMIT = { type: 'SUBMIT_BUTTON', key: 'SUBMIT', label: 'Continue' };
const ASIDE = { type: 'FLOW_BUTTON', key: 'ASIDE', label: 'Another way' };
const DEVICES = [
  { type: 'EMAIL', id: 'device-1', title: 'Mail', description: 'a***@example.org', default: false, iconSrc: '' },
  { type: 'SMS', id: 'device-2', title: 'Text', description: '*****123', default: true, iconSrc: '' },
];
const CREATION = {
  rp: { id: 'localhost', name: 'app' },
  user: { id: [1, 2, 3], displayName: 'Ada', name: 'ada' },
  challenge: [4, 5, 6],
  pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
  timeout: 1000,
};

/** Each: fields, prefilled values, and what is done: values to set by key, then a button. */
export const FORMS = {
  'sign-on': {
    fields: [
      { type: 'TEXT', key: 'username', label: 'Username' },
      { type: 'PASSWORD', key: 'password', label: 'Password' },
      { type: 'SUBMIT_BUTTON', key: 'SIGNON', label: 'Sign On' },
      { type: 'FLOW_BUTTON', key: 'REGISTER', label: 'Register' },
      { type: 'FLOW_LINK', key: 'TROUBLE', label: 'Trouble?', inputType: 'ACTION' },
    ],
    prefilled: { username: '', password: '' },
    done: [
      { set: {}, press: 'SIGNON' },
      { set: { username: 'ada@example.org', password: 'Tr0ub4dor&3x!' }, press: 'SIGNON' },
      { set: {}, press: 'REGISTER' },
      { set: { username: 'ada@example.org' }, press: 'TROUBLE' },
    ],
  },
  texts: {
    fields: [
      { type: 'TEXT', key: 'plain', label: 'Plain' },
      { type: 'TEXT', key: 'ruled', label: 'Ruled', validation: { regex: '^[a-z ]*$', errorMessage: 'letters' } },
      { type: 'TEXT', key: 'needed', label: 'Needed', required: true },
      { type: 'TEXT', key: 'optional', label: 'Optional', required: false },
      { type: 'TEXT', key: 'user.name.given', label: 'Dotted' },
      { type: 'TEXT', key: 'protectsdk', label: 'Signals' },
      { type: 'PASSWORD', key: 'password', label: 'Password' },
      { type: 'PASSWORD_VERIFY', key: 'newPassword', label: 'New', verify: true, passwordPolicy: { length: { min: 8, max: 255 } } },
      SUBMIT,
    ],
    prefilled: {
      plain: 'prefilled plain', ruled: 'prefilled ruled', needed: 'prefilled needed', optional: 'prefilled optional',
      'user.name.given': 'Ada', protectsdk: '', password: 'prefilled?', newPassword: '',
    },
    done: [
      { set: {}, press: 'SUBMIT' },
      {
        set: {
          plain: 'a', ruled: 'b', needed: 'c', optional: 'd', 'user.name.given': 'e', protectsdk: 'f',
          password: 'Tr0ub4dor&3x!', newPassword: 'Qu1ck=Brown7fox',
        },
        press: 'SUBMIT',
      },
    ],
  },
  choices: {
    fields: [
      { type: 'RADIO', key: 'radio', label: 'Radio', inputType: 'SINGLE_SELECT', options: OPTIONS },
      { type: 'DROPDOWN', key: 'dropdown', label: 'Dropdown', inputType: 'SINGLE_SELECT', options: OPTIONS },
      { type: 'CHECKBOX', key: 'boxes', label: 'Boxes', inputType: 'MULTI_SELECT', options: OPTIONS },
      { type: 'COMBOBOX', key: 'combo', label: 'Combo', inputType: 'MULTI_SELECT', options: OPTIONS },
      { type: 'SINGLE_CHECKBOX', key: 'agree', label: 'Agree', inputType: 'BOOLEAN', appearance: 'CHECKBOX' },
      SUBMIT,
      ASIDE,
    ],
    prefilled: { radio: 'green', dropdown: 'blue', boxes: ['red'], agree: true },
    done: [
      { set: {}, press: 'SUBMIT' },
      { set: { radio: 'red', dropdown: 'green', boxes: ['green', 'blue'], combo: ['red'], agree: true }, press: 'SUBMIT' },
      { set: { radio: 'red' }, press: 'ASIDE' },
    ],
  },
  required: {
    fields: [
      { type: 'TEXT', key: 'text', label: 'Text', required: true },
      { type: 'PASSWORD', key: 'password', label: 'Password', required: true },
      { type: 'RADIO', key: 'radio', label: 'Radio', required: true, inputType: 'SINGLE_SELECT', options: OPTIONS },
      { type: 'CHECKBOX', key: 'boxes', label: 'Boxes', required: true, inputType: 'MULTI_SELECT', options: OPTIONS },
      { type: 'SINGLE_CHECKBOX', key: 'must', label: 'Must', inputType: 'BOOLEAN', appearance: 'CHECKBOX', required: true, errorMessage: 'tick it' },
      { type: 'PHONE_NUMBER', key: 'phone', label: 'Phone', required: true, defaultCountryCode: 'GB', validatePhoneNumber: true },
      SUBMIT,
      ASIDE,
    ],
    prefilled: {},
    done: [
      {
        set: {
          text: 'a', password: 'b', radio: 'red', boxes: ['green'], must: true,
          phone: { countryCode: 'GB', phoneNumber: '7700900123' },
        },
        press: 'SUBMIT',
      },
      { set: {}, press: 'ASIDE' },
    ],
  },
  phones: {
    fields: [
      { type: 'PHONE_NUMBER', key: 'bare', label: 'Bare', defaultCountryCode: null, validatePhoneNumber: false },
      { type: 'PHONE_NUMBER', key: 'national', label: 'National', defaultCountryCode: 'GB', validatePhoneNumber: true },
      { type: 'PHONE_NUMBER', key: 'filled', label: 'Filled', defaultCountryCode: 'GB', validatePhoneNumber: true },
      { type: 'PHONE_NUMBER', key: 'extended', label: 'Extended', defaultCountryCode: 'US', validatePhoneNumber: true, showExtension: true, extensionLabel: 'Ext.' },
      SUBMIT,
    ],
    prefilled: { filled: { countryCode: 'CA', phoneNumber: '6135550123' } },
    done: [
      { set: {}, press: 'SUBMIT' },
      {
        set: {
          bare: { countryCode: 'GB', phoneNumber: '7700900123' },
          national: { countryCode: 'GB', phoneNumber: '7700900124' },
          extended: { countryCode: 'US', phoneNumber: '2025550123', extension: '42' },
        },
        press: 'SUBMIT',
      },
    ],
  },
  devices: {
    fields: [
      { type: 'DEVICE_REGISTRATION', key: 'register', label: 'Register', options: [{ type: 'EMAIL', title: 'Mail', description: 'by mail', iconSrc: '' }, { type: 'SMS', title: 'Text', description: 'by text', iconSrc: '' }] },
      { type: 'DEVICE_AUTHENTICATION', key: 'authenticate', label: 'Authenticate', options: DEVICES },
      { type: 'DEVICE_AUTHENTICATION', key: 'undecided', label: 'Undecided', options: [DEVICES[0]] },
      SUBMIT,
    ],
    prefilled: {},
    done: [
      { set: {}, press: 'SUBMIT' },
      { set: { register: 'SMS', authenticate: 'device-1' }, press: 'SUBMIT' },
    ],
  },
  automatic: {
    fields: [
      { type: 'PROTECT', key: 'protect', behavioralDataCollection: true, universalDeviceIdentification: false },
      { type: 'FIDO2', key: 'fido', label: 'Key', action: 'REGISTER', publicKeyCredentialCreationOptions: CREATION, trigger: 'BUTTON', required: false },
      SUBMIT,
      ASIDE,
    ],
    prefilled: {},
    done: [
      { set: {}, press: 'SUBMIT' },
      { set: { protect: 'signals' }, press: 'SUBMIT' },
      { set: {}, press: 'ASIDE' },
    ],
  },
  metadata: {
    fields: [{ type: 'METADATA', key: 'meta', payload: { some: 'thing' } }, SUBMIT],
    prefilled: {},
    done: [{ set: {}, press: 'SUBMIT' }],
  },
  displayed: {
    fields: [
      { type: 'LABEL', key: 'label', content: 'Read [terms](t)' },
      { type: 'LABEL', content: 'no key' },
      { type: 'AGREEMENT', key: 'agreement', content: 'Be good.', titleEnabled: false, enabled: true, agreement: { id: '1', useDynamicAgreement: false } },
      { type: 'QR_CODE', key: 'qr', content: 'data:,x', fallbackText: 'x' },
      { type: 'IMAGE', key: 'image', imageUrl: 'data:,', description: 'nothing' },
      { type: 'ERROR_DISPLAY', key: 'errors' },
      { type: 'SOMETHING_NEW', key: 'novel', label: 'Novel' },
      { type: 'TEXT', key: 'text', label: 'Text' },
      { type: 'SUBMIT_BUTTON', key: 'FIRST', label: 'First' },
      { type: 'SUBMIT_BUTTON', key: 'SECOND', label: 'Second' },
    ],
    prefilled: {},
    done: [{ set: { text: 'x' }, press: 'FIRST' }],
  },
  polling: {
    fields: [{ type: 'POLLING', key: 'pollingField', pollInterval: 1, pollRetries: 2, pollChallengeStatus: false }],
    prefilled: {},
    done: [
      { set: {}, press: null },
      { set: { pollingField: 'continue' }, press: null },
      { set: { pollingField: 'timedOut' }, press: null },
    ],
  },
};

/** The body of a page with these fields. */
export function page(name, { fields, prefilled }, href) {
  return {
    interactionId: '3d6c1f7a-0b52-4e0e-9a5e-5f4e1a7c9b10',
    interactionToken: '9f0c'.repeat(64),
    _links: { next: { href } },
    eventName: 'continue',
    isResponseCompatibleWithMobileAndWebSdks: true,
    id: 'a1b2c3d4e5',
    companyId: '5a1d0c3e-7777-4a4a-8b8b-000000000001',
    flowId: 'ffeeddccbbaa99887766554433221100',
    connectionId: '00112233445566778899aabbccddeeff',
    capabilityName: 'customForm',
    formData: { value: prefilled },
    form: { name, description: '', category: 'CUSTOM_FORM', components: { fields } },
  };
}
