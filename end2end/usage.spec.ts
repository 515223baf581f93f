// What an account is charged, done again with a pencil, with and without script: an image is kept while the server's clock moves and its price
// changes, it is deleted in the middle of an hour and removed for good; a machine with its disk and a market licence runs until the middle of
// an hour, an image travels, the snapshot service is on; and every figure of the page and of its files is what this file reckons from rates,
// bytes and seconds.
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import type { Portal } from './support/portal.ts';
import type { Server } from './support/server.ts';
import { expect, test } from './support/test.ts';

// A server of its own, whose clock is moved, and which soon cuts the power of a machine: one without a system does not know the power button.
test.use({ serverOptions: { movedClock: true, settings: ['[machines]', 'stop_timeout_ms = 2000'] } });
// Sessions end by that: a page that is open and asks just then is refused.
test.use({ expectedErrors: [/the server responded with a status of 401/] });

const DAY_MS = 86_400_000;
/** Prices per GB and month of 730 hours. */
const [BEFORE, AFTER, IN_BIN] = [7300, 14_600, 3650];

interface Line {
  section: string;
  name: string;
  region: string;
  /** In milliseconds. */
  from: number;
  until: number;
  seconds: number;
  bytes: number;
  formula: string;
  millionths: number;
}

/** What a part of a line costs, in millionths, and its seconds, from the figures that the formula is written with. */
function reckoned(part: string): { millionths: number; seconds: number; bytes: number; rate: number } {
  const found = /^([\d.]+) GB × €([\d.]+) per GB and month ÷ 730 h × (?:([\d.]+) h|(\d+) s ÷ 3600 s per h) = €([\d.]+)$/.exec(part);
  if (!found) throw new Error(`not a sum: ${part}`);
  const [, gb, rate, hours, whole, amount] = found;
  const seconds = whole === undefined ? Math.round(Number(hours) * 3600) : Number(whole);
  const millionths = ((Number(gb) * Number(rate) * seconds) / (730 * 3600)) * 1e6;
  expect(Math.abs(Number(amount) * 1e6 - millionths), part).toBeLessThanOrEqual(1);
  return { millionths, seconds, bytes: Math.round(Number(gb) * 1e9), rate: Number(rate) };
}

/** As amounts are shown: cents, rounded half up. */
function cents(millionths: number): string {
  return `€${(Math.floor((millionths + 5000) / 10_000) / 100).toFixed(2)}`;
}

/** With as many decimals as it needs, three at least. */
function exact(millionths: number): string {
  return `€${(millionths / 1e6).toFixed(6).replace(/0{1,3}$/, '')}`;
}

/** The cells of a line of CSV. */
function cells(row: string): string[] {
  return [...row.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map((cell) => cell[1] ?? cell[2] ?? '');
}

async function csv(page: Page): Promise<Line[]> {
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Export CSV' }).click()]);
  const [head, ...rows] = (await readFile(await file.path(), 'utf8')).trimEnd().split('\r\n').map(cells);
  const at = (name: RegExp): number => head!.findIndex((column) => name.test(column));
  const columns = [/^Section$/, /^Name$/, /^Region$/, /^From$/, /^Until$/, /^Seconds$/, /^Quantity/, /^Formula$/, /^Amount/].map(at);
  expect(columns).not.toContain(-1);
  return rows.map((row) => {
    const [section, name, region, from, until, seconds, bytes, formula, millionths] = columns.map((column) => row[column]!);
    const [texts, times] = [{ section: section!, name: name!, region: region!, formula: formula! }, { from: Date.parse(from!), until: Date.parse(until!) }];
    return { ...texts, ...times, seconds: Number(seconds), bytes: Number(bytes), millionths: Number(millionths) };
  });
}

/** Lets time pass and signs in again, since sessions end by it. */
async function later(portal: Portal, label: string, place: { project: string; region: string }, hours: number): Promise<void> {
  await portal.server.pass(hours / 24);
  await portal.page.context().clearCookies();
  await portal.signIn(label);
  await portal.work(place);
}

const day = (server: Server, days: number): string => new Date(server.now().getTime() + days * DAY_MS).toISOString().slice(0, 10);

test('every figure of the usage is what a pencil gives', async ({ page, portal, browser }) => {
  test.setTimeout(180_000);
  const operator = await portal.another(browser, 'operator');
  const prices = async (image: number, bin: number, version: number): Promise<void> => {
    await operator.page.goto('/regions/north-1/prices/new');
    const dialog = operator.page.getByRole('dialog', { name: 'New prices of north-1' });
    await dialog.getByLabel('Images, per GB and month').fill(String(image));
    await dialog.getByLabel('Recycle bin, per GB and month').fill(String(bin));
    await dialog.getByRole('button', { name: 'Set prices' }).click();
    await expect(operator.main.getByRole('row').filter({ hasText: `Version ${version}` })).toContainText('In force');
  };
  const place = { project: 'acme-prod', region: 'north-1' };
  const passes = async (hours: number): Promise<void> => {
    await later(portal, 'acme-owner', place, hours);
    await operator.page.context().clearCookies();
    await operator.signIn('operator');
  };
  await portal.signIn('acme-owner');
  await portal.work(place);
  await prices(BEFORE, IN_BIN, 2);

  await test.step('a copy says what it adds to the month, and is made', async () => {
    await portal.copyPublic('golden', { tags: 'env=prod' });
    await expect(portal.main.getByText('Available', { exact: true })).toBeVisible();
  });
  const golden = page.url().split('?')[0]!;
  await passes(25);
  await prices(AFTER, IN_BIN, 3);
  await passes(1.5);

  await test.step('deleting says what the month then comes to, and the next price is that of the recycle bin', async () => {
    await page.goto(`${golden}/delete`);
    const dialog = page.getByRole('dialog', { name: 'Delete golden?' });
    await expect(dialog.getByText(/^This month then comes to about €\d+\.\d\d instead of €\d+\.\d\d\.$/)).toBeVisible();
    await dialog.getByRole('button', { name: 'Delete image' }).click();
    await expect(page.getByText('The image is in the recycle bin. Machines made from it keep running.')).toBeVisible();
  });
  await passes(0.5);
  await page.goto('/images/bin');
  await portal.row('golden').getByRole('link', { name: 'golden', exact: true }).click();
  await page.goto(`${golden}/purge`);
  await page.getByRole('dialog').getByRole('button', { name: 'Delete for good' }).click();
  await expect(page.getByText('golden', { exact: true })).toHaveCount(0);
  await passes(3);

  const address = `/usage?period=days&from=${day(portal.server, -4)}&until=${day(portal.server, 0)}`;
  let lines: Line[] = [];
  await test.step('each line of the file is bytes × rate ÷ month × time', async () => {
    // What holds chunks is charged some moments after it changed, from its own moment on.
    await expect(async () => {
      await page.goto(address);
      lines = await csv(page);
      expect(lines.map((line) => line.section).sort()).toEqual(['images', 'recycle-bin']);
      expect(lines.find((line) => line.section === 'images')!.formula).toContain('; ');
    }).toPass({ timeout: 30_000 });
    for (const line of lines) {
      const parts = line.formula.split('; ').map(reckoned);
      expect(parts.every((part) => part.bytes === line.bytes)).toBe(true);
      expect(parts.reduce((sum, part) => sum + part.seconds, 0)).toBe(line.seconds);
      expect(Math.abs(parts.reduce((sum, part) => sum + part.millionths, 0) - line.millionths)).toBeLessThanOrEqual(1);
      // The rates that held, each for as long as it did; signing in and looking takes some seconds.
      const [rates, hours] = line.section === 'images' ? [[BEFORE, AFTER], [25, 1.5]] : [[IN_BIN], [0.5]];
      expect(parts.map((part) => part.rate)).toEqual(rates);
      parts.forEach((part, n) => {
        expect(part.seconds).toBeGreaterThanOrEqual(hours[n]! * 3600);
        expect(part.seconds).toBeLessThan(hours[n]! * 3600 + 180);
      });
    }
  });
  const of = (section: string): Line => lines.find((line) => line.section === section)!;
  const total = lines.reduce((sum, line) => sum + line.millionths, 0);

  await test.step('the page shows the same sums, by section, by day and by tag', async () => {
    await expect(portal.main.getByText(cents(total), { exact: true }).first()).toBeVisible();
    for (const [section, title] of [['images', 'Images'], ['recycle-bin', 'Recycle bin']] as const) {
      const amount = cents(of(section).millionths);
      await expect(portal.main.getByRole('heading', { name: `${title}, ${amount}` })).toBeVisible();
      const row = portal.main.getByRole('region', { name: new RegExp(`^${title}, `) }).getByRole('row').filter({ hasText: 'golden' });
      await expect(row).toContainText(amount);
    }
    await portal.main.getByText('The chart as a table').click();
    const days = await portal.main.getByRole('table', { name: 'Cost per day by section' }).getByRole('row').allTextContents();
    expect(days.length).toBeGreaterThan(4);
    await portal.main.getByLabel('Group by').selectOption('Tags');
    await portal.main.getByRole('button', { name: 'Show' }).click();
    const groups = portal.main.getByRole('table', { name: 'Cost by tags' });
    await expect(groups.getByRole('row').filter({ hasText: 'env=prod' })).toContainText(cents(total));
  });

  await test.step('a group and a day lead to what is in them, and the files follow', async () => {
    await portal.main.getByRole('table', { name: 'Cost by tags' }).getByRole('link', { name: 'env=prod' }).click();
    await expect(portal.main.getByText('Only tags: env=prod.')).toBeVisible();
    await expect(portal.main.getByText(cents(total), { exact: true }).first()).toBeVisible();
    expect((await csv(page)).map((line) => line.millionths).sort()).toEqual(lines.map((line) => line.millionths).sort());
    await page.goto(page.url().replace('prod', 'test'));
    await expect(portal.main.getByText('Nothing was charged')).toBeVisible();
    expect(await csv(page)).toEqual([]);
    await portal.main.getByRole('link', { name: 'Show everything' }).click();
    await portal.main.getByText('The chart as a table').click();
    const row = portal.main.getByRole('table', { name: 'Cost per day by section' }).getByRole('row').filter({ has: page.getByRole('rowheader'), hasNotText: /€0\.00\s*$/ }).first();
    const amount = (await row.getByRole('cell').last().innerText()).trim();
    await row.getByRole('link').click();
    await expect(portal.main.getByText(amount, { exact: true }).first()).toBeVisible();
    const ofDay = await csv(page);
    expect(cents(ofDay.reduce((sum, line) => sum + line.millionths, 0))).toBe(amount);
  });

  await test.step('behind a number stand its intervals, to the millionth', async () => {
    await page.goto(address);
    const section = portal.main.getByRole('region', { name: /^Images, / });
    await section.getByRole('link', { name: 'golden' }).click();
    await expect(portal.main.getByRole('heading', { name: `golden, ${exact(of('images').millionths)}` })).toBeVisible();
    for (const part of of('images').formula.split('; ')) await expect(portal.main.getByText(part, { exact: true })).toBeVisible();
  });

  await test.step('JSON has the same lines', async () => {
    await page.goto(address);
    const href = (await page.getByRole('link', { name: 'Export JSON' }).getAttribute('href'))!;
    const rows = (await (await page.request.get(new URL(href, page.url()).href)).json()) as { amount_millionths: number; formula: string }[];
    expect(rows.map((row) => row.amount_millionths).sort()).toEqual(lines.map((line) => line.millionths).sort());
    expect(rows.map((row) => row.formula).sort()).toEqual(lines.map((line) => line.formula).sort());
  });
  await operator.page.context().close();
});

/** Something that is charged, by the prices and by the test's own clock. */
interface Charged {
  section: string;
  name: string;
  region: string;
  /** The price as it was typed: for a month of 730 hours, for an hour, or once. */
  price: string;
  per: 'month' | 'hour' | 'once';
  /** Where the price is for a GB, from how many bytes to how many; a licence and a machine have none. */
  bytes?: [number, number];
  /** Between which moments it began, and ended where it did, in milliseconds. */
  began: [number, number];
  ended?: [number, number];
}

/** With the seconds in which the server did it, which only the server knows, and the bytes that it stored. */
type Metered = Charged & { fromS: number; untilS: number; counted: number };

/** What something costs in the seconds before a moment, in millionths, rounded half up once. */
function costs(thing: Metered, untilS: number): number {
  const [units, decimals = ''] = thing.price.split('.');
  const seconds = BigInt(Math.max(0, Math.min(thing.untilS, untilS) - thing.fromS));
  const price = BigInt(units! + decimals.padEnd(6, '0')) * BigInt(thing.counted);
  const bytes = thing.bytes ? 1_000_000_000n : 1n;
  if (thing.per === 'once' && untilS <= thing.fromS) return 0;
  const [above, below] = { once: [price, bytes], hour: [price * seconds, bytes * 3600n], month: [price * seconds, bytes * 3600n * 730n] }[thing.per] as [bigint, bigint];
  return Number((2n * above + below) / (2n * below));
}

const between = (thing: Metered, fromS: number, untilS: number): number => costs(thing, untilS) - costs(thing, fromS);

const sum = (amounts: number[]): number => amounts.reduce((total, amount) => total + amount, 0);

const SECTIONS = { images: 'Images', machines: 'Machines', disks: 'Disks', 'snapshot-service': 'Snapshot service', licences: 'Licences', transfer: 'Transfer' };

/** A disk with nothing on it that could be stored in less, in a file. */
const CONTENT_BYTES = 8 << 20;
async function randomDisk(): Promise<{ file: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'disk-'));
  const file = join(folder, 'random.raw');
  await writeFile(file, randomBytes(CONTENT_BYTES));
  return { file, remove: () => rm(folder, { recursive: true, force: true }) };
}

test('so is what machines, disks, licences, transfers and the snapshot service come to, on each day and ahead', async ({ page, portal, browser, server }) => {
  test.setTimeout(180_000);
  const place = { project: 'globex-prod', region: 'north-1' };
  const dialog = page.getByRole('dialog');
  const { file, remove } = await randomDisk();
  await server.admin('image', 'add', '--name', 'suite', '--licence', 'suite', '--region', 'north-1', file).finally(remove);
  const operator = await portal.another(browser, 'operator');
  const typed = { image: '7300', disk: '73', machine: '3.6', licence: '1.234567', transfer: '100', service: '7300' };
  await operator.page.goto('/regions/north-1/prices/new');
  const prices = operator.page.getByRole('dialog', { name: 'New prices of north-1' });
  await prices.getByLabel('Images, per GB and month').fill(typed.image);
  await prices.getByLabel(/^ssd disks, per GB and month/i).fill(typed.disk);
  await prices.getByLabel('m1.tiny, per hour').fill(typed.machine);
  await prices.getByLabel('Market licences, per hour').fill(`suite ${typed.licence}`);
  await prices.getByLabel('Transfer to another region, per GB').fill(typed.transfer);
  await prices.getByLabel('Snapshot service, per month').fill(typed.service);
  await prices.getByRole('button', { name: 'Set prices' }).click();
  await expect(operator.main.getByRole('row').filter({ hasText: 'In force' })).toContainText(`the licence suite from no price to €${typed.licence} per hour`);
  await operator.page.context().close();

  /** Does something; gives between which moments it was done. */
  const during = async (what: string, act: () => Promise<void>): Promise<[number, number]> => {
    const before = server.now().getTime();
    await test.step(what, act);
    return [before, server.now().getTime()];
  };
  await portal.signIn('globex-owner');
  await portal.work(place);
  const copied = await during('an image with a licence is copied here and into the other region', async () => {
    await page.goto('/images/public');
    await page.getByRole('link', { name: 'suite', exact: true }).click();
    await portal.main.getByRole('link', { name: 'Copy', exact: true }).click();
    await dialog.getByLabel('Project', { exact: true }).selectOption(place.project);
    await dialog.getByLabel('Name', { exact: true }).fill('golden');
    await dialog.getByLabel('south-1', { exact: true }).check();
    await dialog.getByRole('button', { name: 'Copy image' }).click();
    await expect(portal.row('golden')).toContainText('Available');
    await portal.work({ region: 'south-1' });
    await page.goto('/images');
    await portal.imageBecomes('golden', 'Available');
    await portal.work({ region: 'north-1' });
  });
  const turnedOn = await during('the snapshot service is turned on', async () => {
    await page.goto('/snapshots/service');
    await dialog.getByRole('button', { name: 'Turn on' }).click();
    await expect(page.getByText('The snapshot service is on, and charged from now on.')).toBeVisible();
  });
  let machine = '';
  const deployed = await during('a machine is made of the image', async () => {
    machine = await portal.deploy({ name: 'web', image: 'golden', tab: 'My Images' });
  });
  await later(portal, 'globex-owner', place, 5.27);
  const stopped = await during('it is stopped in the middle of an hour', async () => {
    await page.goto(`/instances/${machine}`);
    await portal.power('Stop', 'Stopped');
  });
  await later(portal, 'globex-owner', place, 2.4);
  const deleted = await during('it is deleted, and its disk with it', async () => {
    await page.goto(`/instances/${machine}/delete`);
    await dialog.getByRole('button', { name: 'Delete instance' }).click();
    await expect(portal.heading('Instances')).toBeVisible();
    await portal.goes(portal.row('web'));
  });
  await later(portal, 'globex-owner', place, 20);
  const turnedOff = await during('the snapshot service is turned off', async () => {
    await page.goto('/snapshots/service');
    await dialog.getByRole('button', { name: 'Turn off' }).click();
    await expect(page.getByText('The snapshot service is off. Snapshots stay until you delete them.')).toBeVisible();
  });
  // The days that are looked at are over, so that nothing grows while it is looked at.
  await later(portal, 'globex-owner', place, 24);

  const north = { name: 'web', region: 'north-1' };
  const gib = 1 << 30;
  // What is compressed and packed needs a little more than random bytes are.
  const stored: [number, number] = [CONTENT_BYTES, CONTENT_BYTES * 1.01];
  const charged: Charged[] = [
    { section: 'images', name: 'golden', region: 'north-1', price: typed.image, per: 'month', bytes: stored, began: copied },
    // The other region has the prices it began with.
    { section: 'images', name: 'golden', region: 'south-1', price: '0.055', per: 'month', bytes: stored, began: copied },
    { ...north, section: 'machines', price: typed.machine, per: 'hour', began: deployed, ended: stopped },
    { ...north, section: 'disks', price: typed.disk, per: 'month', bytes: [gib, gib], began: deployed, ended: deleted },
    { section: 'snapshot-service', name: '', region: 'north-1', price: typed.service, per: 'month', began: turnedOn, ended: turnedOff },
    { ...north, section: 'licences', price: typed.licence, per: 'hour', began: deployed, ended: stopped },
    { section: 'transfer', name: 'golden', region: 'north-1', price: typed.transfer, per: 'once', bytes: stored, began: copied, ended: copied },
  ];
  const period = { from: Date.parse(day(server, -3)), until: Date.parse(day(server, 0)) };
  const address = `/usage?period=days&from=${day(server, -3)}&until=${day(server, -1)}`;
  const key = (one: { section: string; region: string }): string => `${one.section} ${one.region}`;
  let lines: Line[] = [];
  await expect(async () => {
    await page.goto(address);
    lines = await csv(page);
    expect(lines.map(key).sort()).toEqual(charged.map(key).sort());
  }).toPass({ timeout: 30_000 });

  const second = (ms: number): number => Math.floor(ms / 1000);
  const metered: Metered[] = charged.map((thing) => {
    const line = lines.find((one) => key(one) === key(thing))!;
    const within = (ms: number, [first, last]: [number, number], what: string): void => {
      expect(ms, `${key(thing)} ${what} not before the click`).toBeGreaterThanOrEqual(first - 1000);
      expect(ms, `${key(thing)} ${what} not after it was seen`).toBeLessThanOrEqual(last + 1000);
    };
    within(line.from, thing.began, 'began');
    if (thing.ended) within(line.until, thing.ended, 'ended');
    else expect(line.until).toBe(period.until);
    const [least, most] = thing.bytes ?? [1, 1];
    expect(line.bytes, key(thing)).toBeGreaterThanOrEqual(least);
    expect(line.bytes, key(thing)).toBeLessThanOrEqual(most);
    if (thing.name) expect(line.name).toContain(thing.name);
    return { ...thing, fromS: second(line.from), untilS: thing.ended ? second(line.until) : Infinity, counted: line.bytes };
  });
  const of = (things: Metered[], fromS: number, untilS: number): number => sum(things.map((thing) => between(thing, fromS, untilS)));
  const [fromS, untilS] = [second(period.from), second(period.until)];
  const total = of(metered, fromS, untilS);

  await test.step('each line of the file is what is reckoned, to the millionth', async () => {
    for (const thing of metered) {
      const line = lines.find((one) => key(one) === key(thing))!;
      expect(line.millionths, key(thing)).toBe(between(thing, fromS, untilS));
      expect(line.seconds, key(thing)).toBe(thing.per === 'once' ? 0 : Math.min(thing.untilS, untilS) - thing.fromS);
    }
    // None of it is so little that anything would do.
    for (const thing of metered.filter((one) => one.region === 'north-1')) expect(between(thing, fromS, untilS), key(thing)).toBeGreaterThan(500_000);
  });

  await test.step('the page shows the same, by section and behind each number', async () => {
    await expect(portal.main.getByText(cents(total), { exact: true }).first()).toBeVisible();
    for (const [slug, title] of Object.entries(SECTIONS)) {
      const things = metered.filter((thing) => thing.section === slug);
      const section = portal.main.getByRole('region', { name: `${title}, ${cents(of(things, fromS, untilS))}`, exact: true });
      for (const thing of things) await expect(section.getByRole('row').filter({ hasText: thing.region })).toContainText(cents(between(thing, fromS, untilS)));
    }
    for (const title of ['Machines', 'Disks', 'Licences'] as const) {
      await page.goto(address);
      await portal.main.getByRole('region', { name: new RegExp(`^${title}, `) }).getByRole('link', { name: /^web/ }).click();
      const thing = metered.find((one) => SECTIONS[one.section as keyof typeof SECTIONS] === title)!;
      await expect(portal.main.getByText(exact(between(thing, fromS, untilS)), { exact: true })).toBeVisible();
    }
  });

  await test.step('each day is what is reckoned for it, and the days add up to the total', async () => {
    await page.goto(address);
    await portal.main.getByText('The chart as a table').click();
    const rows = portal.main.getByRole('table', { name: 'Cost per day by section' }).getByRole('row').filter({ has: page.getByRole('cell') });
    await expect(rows).toHaveCount(3);
    const days = [0, 1, 2].map((n) => [fromS + n * 86_400, fromS + (n + 1) * 86_400] as const);
    for (const [n, [begins, ends]] of days.entries()) {
      const amounts = Object.keys(SECTIONS).map((slug) => of(metered.filter((thing) => thing.section === slug), begins, ends));
      expect((await rows.nth(n).getByRole('cell').allTextContents()).map((text) => text.trim()), `day ${n + 1}`).toEqual([...amounts, sum(amounts)].map(cents));
    }
    expect(sum(days.map(([begins, ends]) => of(metered, begins, ends)))).toBe(total);
  });

  await test.step('the forecast is what the month comes to when what is charged now goes on', async () => {
    const now = server.now();
    const [begins, ends] = [0, 1].map((n) => Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + n) / 1000) as [number, number];
    await page.goto('/billing');
    const month = portal.main.getByRole('region', { name: 'This month' });
    const shown = async (caption: string): Promise<string> =>
      (await month.getByText(caption, { exact: true }).locator('xpath=preceding-sibling::*').textContent())!.trim();
    // Each of its parts is rounded to the millionth.
    const forecast = of(metered, begins, ends);
    expect([-10, 0, 10].map((more) => cents(forecast + more))).toContain(await shown('by its end, if what runs now runs on'));
    const soFar = [second(now.getTime()), second(server.now().getTime()) + 1].map((moment) => Number(cents(of(metered, begins, moment)).slice(1)));
    const euros = Number((await shown('so far')).slice(1));
    expect(euros).toBeGreaterThanOrEqual(soFar[0]!);
    expect(euros).toBeLessThanOrEqual(soFar[1]!);
  });
});
