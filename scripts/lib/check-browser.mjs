// The checks of scripts/check-browser, which installs what they need.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import crypto from 'node:crypto';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const short = process.argv.includes('--short');
const tools = path.resolve('target/browser/tools/node_modules');
const pictures = path.resolve('target/browser');
const require = createRequire(path.join(tools, 'x.js'));
const { chromium } = require('playwright-core');
const axeSource = fs.readFileSync(path.join(tools, 'axe-core/axe.min.js'), 'utf8');
// A machine without a way out: nothing that a browser does of its own may look for one.
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];

let passed = 0;
let failed = 0;
function check(what, found, wanted) {
  if (JSON.stringify(found) === JSON.stringify(wanted)) {
    passed += 1;
  } else {
    failed += 1;
    console.log(`FAILED: ${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`);
  }
}

// Names as people and machines make them. Buffers where they are not UTF-8.
const names = [
  'img1.jpg', 'img2.jpg', 'img10.jpg', 'notes.txt', 'empty.bin', '日本語.md', 'صور العائلة.zip',
  'שלום.txt', '🌻 garden 🐝.webm', `<b>&"quotes'.txt`, '50% #1 ?.txt', 'line\nbreak.txt',
  'two  spaces.txt', 'a long name with spaces, as people make them on their phones.pdf',
  'averyveryveryveryveryveryveryverylongnamewithoutanyspaceinit_v1.2.3-armv7-unknown.tar.gz',
  Buffer.from('caf\xe9 (latin-1).txt', 'latin1'), 'a:b', '-p', '~', 'C=N&O=A',
];
const folders = ['empty', 'denied', 'photos/2026/a summer by the sea', 'photos/2025', 'music', 'photos/שנה'];

function makeSite(root) {
  const sizes = [0, 512, 1023, 40_000, 1_234_567, 9_999_999];
  names.forEach((name, at) => {
    const file = Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name)]);
    fs.writeFileSync(file, '');
    fs.truncateSync(file, sizes[at % sizes.length]);
    fs.utimesSync(file, 1_790_000_000 + at * 86_400, 1_790_000_000 + at * 86_400);
  });
  for (const folder of folders) fs.mkdirSync(`${root}/${folder}`, { recursive: true });
  fs.chmodSync(`${root}/denied`, 0o700);
  // Not new: what has been written within the last seconds has no validator.
  const file = `${root}/music/large`;
  fs.writeFileSync(file, crypto.randomBytes(20_000_000));
  for (const path of [file, `${root}/music`]) fs.utimesSync(path, 1_790_000_000, 1_790_000_000);
  if (!short) {
    fs.mkdirSync(`${root}/big`);
    for (let at = 0; at < 100_000; at += 1) fs.closeSync(fs.openSync(`${root}/big/file-${at}.txt`, 'w'));
  }
}

// As nobody, so that a folder of root's cannot be read.
function startServer(folder, root) {
  const binary = path.join(folder, 'ipv6-httpd');
  fs.copyFileSync(process.env.IPV6_HTTPD, binary);
  fs.chmodSync(binary, 0o755);
  const user = process.getuid() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  const words = ['--bind', '::1', '--port', '0', '--log', 'off', '--archive', root];
  const server = spawn(binary, words, { ...user, stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    server.on('exit', () => reject(new Error('the server ended')));
    setTimeout(() => reject(new Error('the server says nothing')), 30_000).unref();
    let output = '';
    server.stdout.on('data', (data) => {
      output += data;
      const url = output.match(/^http:\S+/m);
      if (url) resolve({ server, url: url[0] });
    });
  });
}

const views = {
  light: { viewport: { width: 1280, height: 800 }, colorScheme: 'light' },
  dark: { viewport: { width: 1280, height: 800 }, colorScheme: 'dark' },
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
  // What is left of 1280 x 800 at 200 %.
  zoom: { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 },
};
const pages = [
  ['listing', '', 200], ['folder', 'photos/', 200], ['deep', 'photos/2026/', 200],
  ['deepest', 'photos/2026/a%20summer%20by%20the%20sea/', 200], ['empty', 'empty/', 200],
  ['denied', 'denied/', process.getuid() === 0 ? 403 : 200], ['missing', 'nothing', 404], ['ip', 'ip', 200],
];

async function checkPage(browser, base, [name, at, status]) {
  for (const [view, options] of Object.entries(views)) {
    // axe is put into the page, which its policy forbids; the policy is checked without it below.
    const context = await browser.newContext({ ...options, bypassCSP: true });
    const page = await context.newPage();
    const answer = await page.goto(base + at);
    const where = `${name}, ${view}`;
    check(`${where}: status`, answer.status(), status);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
    check(`${where}: scrolls sideways`, wide, false);
    await page.screenshot({ path: path.join(pictures, `${name}-${view}.png`), fullPage: true });
    await page.evaluate(axeSource);
    const { violations } = await page.evaluate(() => window.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    }));
    check(`${where}: axe`, violations.map((found) => [found.id, found.nodes[0].html]), []);
    await context.close();
  }
}

// With the policy in force: what the browser says, and what it asks for.
async function checkQuiet(browser, base, [name, at, status]) {
  const page = await browser.newPage();
  const messages = [];
  const requests = [];
  page.on('console', (message) => messages.push(message.text()));
  page.on('pageerror', (error) => messages.push(String(error)));
  page.on('request', (request) => requests.push(request.url()));
  await page.goto(base + at, { waitUntil: 'networkidle' });
  // Chromium's own word on any status from 400 on, whatever is in the page.
  const own = status < 400 ? [] : messages.filter((text) => text.includes(`status of ${status}`));
  check(`${name}: console`, messages.filter((text) => !own.includes(text)), []);
  check(`${name}: requests`, requests, [base + at]);
  const margin = await page.evaluate(() => getComputedStyle(document.body).margin);
  check(`${name}: the style that the policy names is in force`, margin, '0px');
  await page.close();
}

async function checkListing(browser, base) {
  const page = await browser.newPage();
  const shown = () => page.$$eval('tbody td:first-child', (cells) => cells.map((cell) => cell.textContent));
  await page.goto(base);
  const listed = await shown();
  check('folders come first', listed.slice(0, 4).map((name) => name.endsWith('/')), Array(4).fill(true));
  const images = listed.filter((name) => name.startsWith('img'));
  check('natural order', images, ['img1.jpg', 'img2.jpg', 'img10.jpg']);
  check('every name is there', listed.length, names.length + (short ? 4 : 5));
  const links = await page.$$eval('tbody a', (anchors) => anchors.map((anchor) => anchor.href));
  for (const link of links) {
    const answer = await fetch(link);
    const wanted = link.endsWith('/denied/') && process.getuid() === 0 ? 403 : 200;
    check(`a link of the listing: ${link}`, answer.status, wanted);
    await answer.arrayBuffer();
  }
  await page.close();
  const html = await (await fetch(base)).text();
  const before = Buffer.byteLength(html.slice(0, html.indexOf('<tbody>')));
  console.log(`before the rows: ${before} bytes`);
  check('under 3 KB before the rows', before < 3_000, true);
  const json = await (await fetch(base, { headers: { Accept: 'application/json' } })).json();
  check('as many in JSON', json.length, links.length);
  check('JSON: href', json.map((entry) => base + entry.href).sort(), [...links].sort());
}

// Sorting and the way up, without script and with the policy in force: by mouse, by keyboard, and
// by touch on a phone.
async function checkControls(browser, base) {
  const ways = {
    mouse: [{}, (control) => control.click()],
    keyboard: [{}, async (control, page) => {
      // As far as Tab goes until the control has the focus.
      for (let at = 0; at < 20; at += 1) {
        await page.keyboard.press('Tab');
        if (await control.evaluate((element) => element === document.activeElement)) break;
      }
      await page.keyboard.press('Enter');
    }],
    touch: [views.phone, (control) => control.tap()],
  };
  for (const [way, [options, activate]] of Object.entries(ways)) {
    const context = await browser.newContext({ ...options, javaScriptEnabled: false });
    const page = await context.newPage();
    const messages = [];
    page.on('console', (message) => messages.push(message.text()));
    const press = async (at, selector) => {
      await page.goto(base + at);
      await Promise.all([page.waitForNavigation(), activate(page.locator(selector), page)]);
      return page.url().slice(base.length);
    };
    check(`${way}: sort by size`, await press('', 'th >> text=Size'), '?C=S&O=D');
    const sizes = await page.$$eval('[data-bytes]', (cells) => cells.map((cell) => Number(cell.dataset.bytes)));
    check(`${way}: the largest first`, sizes, [...sizes].sort((a, b) => b - a));
    check(`${way}: the other way round`, await press('?C=S&O=D', 'th >> text=Size'), '?C=S&O=A');
    check(`${way}: sort by date`, await press('?C=S&O=D', 'th >> text=Modified'), '?C=M&O=D');
    check(`${way}: by name, backwards`, await press('', 'th >> text=Name'), '?C=N&O=D');
    check(`${way}: the folder above`, await press('photos/2026/', 'h1 > :has-text("photos")'), 'photos/');
    check(`${way}: the first row`, await press('photos/2026/', 'text=../'), 'photos/');
    check(`${way}: two above`, await press('photos/2026/a%20summer%20by%20the%20sea/', 'h1 > :has-text("photos")'), 'photos/');
    check(`${way}: the root`, await press('photos/2026/', 'h1 > :first-child'), '');
    check(`${way}: out of an empty folder`, await press('empty/', 'h1 > :first-child'), '');
    check(`${way}: an empty folder, the first row`, await press('empty/', 'text=../'), '');
    check(`${way}: from what is not there`, await press('nothing/at/all', 'a >> text=Start page'), '');
    await page.goto(`${base}photos/`);
    const button = page.locator('text=Download all');
    const [download] = await Promise.all([page.waitForEvent('download'), activate(button, page)]);
    check(`${way}: all of a folder`, download.suggestedFilename(), 'photos.tar');
    // Of the page that is not there Chromium says so itself.
    check(`${way}: console`, messages.filter((text) => !text.includes('status of 404')), []);
    await context.close();
  }
  await checkMiddleClick(browser, base);
  // Names that read from right to left begin at the same side as all others.
  const page = await browser.newPage();
  for (const at of ['', 'photos/']) {
    await page.goto(base + at);
    const sides = await page.$$eval('tbody bdi a', (links) => links.map((link) => {
      const range = document.createRange();
      range.selectNodeContents(link);
      return Math.round(range.getBoundingClientRect().left);
    }));
    check(`/${at}: names begin at one side`, [...new Set(sides)].length, 1);
  }
  await page.close();
}

// A new tab for each folder above, as with all links.
async function checkMiddleClick(browser, base) {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(`${base}photos/2026/a%20summer%20by%20the%20sea/`);
  for (const [at, wanted] of ['', 'photos/', 'photos/2026/'].entries()) {
    const link = page.locator('h1 > a').nth(at);
    const [tab] = await Promise.all([context.waitForEvent('page'), link.click({ button: 'middle' })]);
    await tab.waitForLoadState();
    check(`middle click: /${wanted}`, tab.url(), base + wanted);
  }
  await context.close();
}

// An archive whose connection ends early, three times: the browser goes on where it stopped.
async function checkResume(browser, base) {
  const { port } = new URL(base);
  const asked = [];
  const proxy = net.createServer((client) => {
    const server = net.connect(port, '::1');
    let left = Infinity;
    client.on('data', (data) => {
      const head = data.toString('latin1');
      if (head.startsWith('GET ') && head.includes('?archive')) {
        asked.push(/\r\nrange: bytes=\d+-\r\n/i.test(head) && /\r\nif-range: "/i.test(head));
        left = asked.length <= 3 ? 4_000_000 : Infinity;
      }
      server.write(data);
    });
    server.on('data', (data) => {
      client.write(data.subarray(0, left));
      left -= data.length;
      if (left <= 0) client.end();
    });
    client.on('close', () => server.destroy());
    server.on('close', () => client.end());
    for (const socket of [client, server]) socket.on('error', () => {});
  });
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const sum = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex');
  const whole = Buffer.from(await (await fetch(`${base}music/?archive`)).arrayBuffer());
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${proxy.address().port}/music/`);
  const button = page.locator('text=Download all');
  const [download] = await Promise.all([page.waitForEvent('download'), button.click()]);
  check('an archive that breaks off: the end', await download.failure(), null);
  check('an archive that breaks off: asked to go on', asked, [false, true, true, true]);
  check('an archive that breaks off: bytes', sum(fs.readFileSync(await download.path())), sum(whole));
  await page.close();
  proxy.close();
}

async function checkBig(browser, server, base) {
  const page = await browser.newPage();
  const began = performance.now();
  await page.goto(`${base}big/`, { timeout: 600_000 });
  const rows = await page.$$eval('tbody tr', (found) => found.length);
  console.log(`100,000 entries: ${Math.round(performance.now() - began)} ms in the browser`);
  check('100,000 entries: rows and the way up', rows, 100_001);
  await page.close();
  const status = fs.readFileSync(`/proc/${server.pid}/status`, 'utf8');
  console.log(`100,000 entries: the server's memory was at most ${status.match(/VmHWM:\s+(.*)/)[1]}`);
}

async function checkWithNu(base) {
  const files = [];
  for (const [name, at] of pages) {
    const html = await (await fetch(base + at, { headers: { Accept: 'text/html' } })).text();
    const file = path.join(pictures, `${name}.html`);
    fs.writeFileSync(file, html);
    files.push(file);
  }
  const jar = path.join(tools, 'vnu-jar/build/dist/vnu.jar');
  const result = spawnSync('java', ['-jar', jar, '--format', 'json', '--stdout', ...files], { encoding: 'utf8', timeout: 300_000 });
  const { messages } = JSON.parse(result.stdout);
  const brief = messages.map((message) => `${message.type}: ${message.message} ${path.basename(message.url)}`);
  const errors = messages.filter((message) => message.type !== 'info');
  console.log(`Nu HTML checker: ${files.length} pages, ${errors.length} errors, ${messages.length - errors.length} notes`);
  check('Nu HTML checker', brief, []);
}

async function checkWithLighthouse(base) {
  const { default: lighthouse } = await import(pathToFileURL(path.join(tools, 'lighthouse/core/index.js')));
  const { launch } = await import(pathToFileURL(require.resolve('chrome-launcher')));
  const chrome = await launch({ chromePath: '/usr/bin/chromium', chromeFlags: ['--headless=new', ...flags] });
  for (const [name, at, status] of pages.filter((page) => page[2] === 200)) {
    const options = { port: chrome.port, onlyCategories: ['accessibility', 'best-practices'], logLevel: 'error' };
    // Of the names of this machine Lighthouse takes localhost for safe, and [::1] not.
    const { lhr } = await lighthouse(base.replace('[::1]', 'localhost') + at, options);
    const scores = Object.values(lhr.categories).map((category) => [category.id, category.score * 100]);
    console.log(`Lighthouse ${lhr.lighthouseVersion}, ${name}: ${scores.map((score) => score.join(' ')).join(', ')}`);
    const poor = Object.values(lhr.audits).filter((audit) => audit.score !== null && audit.score < 1 && audit.scoreDisplayMode === 'binary');
    check(`Lighthouse, ${name} (${poor.map((audit) => audit.id)})`, scores.map((score) => score[1]), [100, 100]);
  }
  chrome.kill();
}

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'check-browser-'));
fs.chmodSync(folder, 0o755);
const root = path.join(folder, 'site');
fs.mkdirSync(root);
let server;
let browser;
try {
  makeSite(root);
  const started = await startServer(folder, root);
  server = started.server;
  server.removeAllListeners('exit');
  const base = started.url;
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: flags });
  console.log(`Chromium ${browser.version()}, axe-core ${axeSource.match(/axe v([\d.]+)/)[1]}`);
  for (const page of pages) {
    await checkPage(browser, base, page);
    await checkQuiet(browser, base, page);
  }
  await checkListing(browser, base);
  await checkControls(browser, base);
  await checkResume(browser, base);
  await checkWithNu(base);
  if (!short) {
    await checkBig(browser, server, base);
    await checkWithLighthouse(base);
  }
} catch (error) {
  failed += 1;
  console.log(`FAILED: ${error.stack}`);
} finally {
  await browser?.close();
  server?.kill();
  fs.rmSync(folder, { recursive: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
