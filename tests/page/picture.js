// A picture of a page: `node picture.js URL FILE.png [WIDTH] [HEIGHT] [light|dark]`; height 0 is the whole page.

import { writeFileSync } from 'node:fs';
import { Browser } from '../conformance/support/browser.js';
import { View } from './support.js';

const [url, file, width = '1280', height = '900', scheme = 'light'] = process.argv.slice(2);
if (!file) {
  console.error('usage: node picture.js URL FILE.png [WIDTH] [HEIGHT] [light|dark]');
  process.exit(2);
}
const browser = await Browser.launch();
try {
  const view = await View.open(await browser.person(), url, { width: Number(width), scheme, offline: false });
  const whole = await view.evaluate('document.documentElement.scrollHeight');
  const clip = { x: 0, y: 0, width: Number(width), height: Number(height) || whole, scale: 1 };
  const { data } = await view.tab.send('Page.captureScreenshot', { format: 'png', clip, captureBeyondViewport: true });
  writeFileSync(file, Buffer.from(data, 'base64'));
  for (const complaint of view.complaints) console.error(complaint);
} finally {
  await browser.close();
}
