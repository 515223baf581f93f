// What an account is charged, done again with a pencil, with and without script: an image is kept while the server's clock moves and its price
// changes, it is deleted in the middle of an hour and removed for good, and every figure of the page and of its files is what this file
// reckons from rates, bytes and seconds.
import { readFile } from 'node:fs/promises';
import type { Page } from '@playwright/test';
import { expect, test } from './support/test.ts';

// A server of its own, whose clock is moved.
test.use({ serverOptions: { movedClock: true } });

const DAY_MS = 86_400_000;
/** Prices per GB and month of 730 hours. */
const [BEFORE, AFTER, IN_BIN] = [7300, 14_600, 3650];

interface Line {
  section: string;
  name: string;
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
  const columns = [/^Section$/, /^Name$/, /^Seconds$/, /^Quantity/, /^Formula$/, /^Amount/].map(at);
  expect(columns).not.toContain(-1);
  return rows.map((row) => {
    const [section, name, seconds, bytes, formula, millionths] = columns.map((column) => row[column]!);
    return { section: section!, name: name!, seconds: Number(seconds), bytes: Number(bytes), formula: formula!, millionths: Number(millionths) };
  });
}

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
  const passes = async (hours: number): Promise<void> => {
    await portal.server.pass(hours / 24);
    await Promise.all([operator, portal].map((one) => one.page.context().clearCookies()));
    await operator.signIn('operator');
    await portal.signIn('acme-owner');
    await portal.work({ project: 'acme-prod', region: 'north-1' });
  };
  await portal.signIn('acme-owner');
  await portal.work({ project: 'acme-prod', region: 'north-1' });
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

  const day = (days: number): string => new Date(portal.server.now().getTime() + days * DAY_MS).toISOString().slice(0, 10);
  const address = `/usage?period=days&from=${day(-4)}&until=${day(0)}`;
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
