// All suites in one process, so that they share one browser.

import './suites/discovery.js';
import './suites/register.js';
import './suites/sign-on.js';
import './suites/recovery.js';
import './suites/interactions.js';
import './suites/flows.js';
import './suites/fields.js';
import './suites/polling.js';
import './suites/faults.js';
import './suites/secure.js';
import './suites/bodies.js';
import './suites/connections.js';
