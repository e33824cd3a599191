import { writeFileSync } from 'node:fs';
import { Browser } from '../conformance/support/browser.js';
import { View } from './support.js';
const [url, scheme, width, ...shots] = process.argv.slice(2);
const browser = await Browser.launch();
try {
  const view = await View.open(await browser.person(), url, { width: Number(width), scheme, offline: false });
  for (const shot of shots) {
    const [sel, file, height] = shot.split('@');
    const y = await view.evaluate(`Math.max(0, document.querySelector(${JSON.stringify(sel)}).getBoundingClientRect().top + scrollY - 10)`);
    const { data } = await view.tab.send('Page.captureScreenshot', { format: 'png', clip: { x: 0, y, width: Number(width), height: Number(height), scale: 1 }, captureBeyondViewport: true });
    writeFileSync(file, Buffer.from(data, 'base64'));
  }
} finally { await browser.close(); }
