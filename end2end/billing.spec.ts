// Money between an account and its provider, with and without script: top-ups, the budget, arrears that end, and a month that closes. The
// server's clock is moved by the test, since nobody waits for the end of a month; sessions end by it as they would.
import type { Locator, Page } from '@playwright/test';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Portal } from './support/portal.ts';
import { expect, test } from './support/test.ts';

// What is refused is answered with a status that browsers report in their console.
// Sessions end when the clock is moved: a page that is open and asks just then is refused.
test.use({ expectedErrors: [/the server responded with a status of (401|409|422)/] });
// A server of its own, which keeps what people delete for no longer than arrears say.
test.use({ serverOptions: { movedClock: true, settings: ['[billing]', 'recycle_after_days = 15', 'purge_after_days = 60'] } });

/** Waits for what the server notices by itself, some seconds later: nothing on the page is at work, so a person looks again. */
async function noticed(portal: Portal, wanted: Locator): Promise<void> {
  await expect(async () => {
    await portal.page.reload();
    await expect(wanted.first()).toBeVisible({ timeout: 1000 });
  }).toPass({ timeout: 40_000 });
}

/** What an account in arrears cannot do, and what it reads instead. */
const REFUSAL = 'Nothing new can be made while the balance of the account is below what it may be.';

const WAY_OUT = /It is −€\d+\.\d\d, and too low since .*Ask your provider for a top-up\. What exists keeps running\. Images go to the recycle bin on /;

/** Both stand where they are read, and not only behind a button. */
async function explained(on: Page): Promise<void> {
  for (const words of [REFUSAL, WAY_OUT]) await expect(on.getByText(words).locator('visible=true').first()).toBeVisible();
}

/** The balance on the page *Billing*, in the currency's unit. */
async function balance(portal: Portal): Promise<number> {
  await portal.page.goto('/billing');
  const text = (await portal.page.getByRole('region', { name: 'Balance' }).getByText(/^−?€\d/).first().textContent()) ?? '';
  return Number(text.replace('−', '-').replace('€', ''));
}

test('an account is told about its budget, falls into arrears, pays, and gets a statement that verifies', async ({ page, portal, browser }) => {
  test.setTimeout(300_000);
  await portal.signIn('acme-owner');
  await portal.work({ project: 'acme-prod', region: 'north-1' });
  await portal.copyPublic('golden', { family: 'web', tags: 'env=prod' });
  const golden = portal.id();
  const friend = await portal.another(browser, 'globex-owner');
  const theirs = await friend.projectId('globex-prod');
  await friend.page.context().close();
  const machine = await portal.deploy({ name: 'web' });
  const operator = await portal.another(browser, 'operator');
  await operator.page.goto('/accounts');
  await operator.main.getByRole('link', { name: 'Acme', exact: true }).click();
  const account = operator.id();
  const billing = `/accounts/${account}/billing`;

  const again = async (): Promise<void> => {
    await Promise.all([operator, portal].map((one) => one.page.context().clearCookies()));
    await operator.signIn('operator');
    await portal.signIn('acme-owner');
    await portal.work({ project: 'acme-prod', region: 'north-1' });
  };
  const book = async (amount: string, reference: string): Promise<void> => {
    await operator.page.goto(`${billing}/book`);
    const dialog = operator.page.getByRole('dialog', { name: 'Book into the ledger of Acme' });
    await dialog.getByLabel('Amount, in €').fill(amount);
    await dialog.getByLabel('Reference').fill(reference);
    await dialog.getByRole('button', { name: 'Book', exact: true }).dblclick();
  };
  const booked = async (amount: string, reference: string): Promise<void> => {
    await book(amount, reference);
    await expect(operator.page.getByText('Booked. The account sees it in its ledger.')).toBeVisible();
  };
  const ledger = operator.page.getByRole('region', { name: 'Ledger' });

  /** Everything that makes something new: its page, how it is filled in, the button, and what it leads to. */
  const beginnings: { address: string; fill: (on: Page) => Promise<void>; button: string; leadsTo: (on: Page) => Locator }[] = [
    {
      address: `/images/${golden}/copy`,
      fill: (on) => on.getByRole('dialog').getByLabel('Name', { exact: true }).fill('silver'),
      button: 'Copy image',
      leadsTo: (on) => on.getByRole('heading', { level: 1, name: 'silver', exact: true }),
    },
    {
      address: `/images/${golden}/share`,
      fill: async (on) => {
        await on.getByRole('dialog').getByLabel('Project IDs, one per line').fill(theirs);
        await on.getByRole('dialog').getByLabel(/^I know these projects/).check();
      },
      button: 'Share',
      leadsTo: (on) => on.getByRole('main').getByRole('row').filter({ hasText: theirs }).filter({ hasText: 'Waiting' }),
    },
    {
      address: '/instances/new',
      fill: (on) => on.getByRole('textbox', { name: 'Name', exact: true }).fill('web-2'),
      button: 'Create instance',
      leadsTo: (on) => on.getByRole('heading', { level: 1, name: 'web-2', exact: true }),
    },
    {
      address: `/instances/${machine}/image`,
      fill: (on) => on.getByRole('dialog').getByLabel('Name', { exact: true }).fill('web-golden'),
      button: 'Create image',
      leadsTo: (on) => on.getByRole('rowheader').getByRole('link', { name: 'web-golden', exact: true }),
    },
  ];

  await test.step('a top-up is booked once, however often it is sent', async () => {
    await booked('1', 'Transfer 4711');
    await booked('1', 'Transfer 4711');
    await operator.page.goto(billing);
    await expect(ledger.getByRole('row').filter({ hasText: 'Transfer 4711' })).toHaveCount(1);
    await book('2', 'Transfer 4711');
    await expect(operator.page.getByText(/^This reference names another entry already: top-up of €1\.00/).first()).toBeVisible();
    await expect(operator.page.getByLabel('Amount, in €')).toHaveValue('2');
    expect(await balance(portal)).toBeGreaterThan(0.9);
    await expect(page.getByRole('region', { name: 'Ledger' }).getByRole('row').filter({ hasText: 'Transfer 4711' })).toContainText('Your provider');
  });

  await test.step('the budget is told when it is reached', async () => {
    await page.goto('/billing/budget');
    const dialog = page.getByRole('dialog', { name: 'Budget' });
    await dialog.getByLabel(/^Budget a month/).fill('a lot');
    await dialog.getByRole('button', { name: 'Save budget' }).click();
    await expect(dialog.getByText('“a lot” is not an amount. Write one such as 12.50.').first()).toBeVisible();
    await dialog.getByLabel(/^Budget a month/).fill('0.01');
    await dialog.getByRole('button', { name: 'Save budget' }).click();
    await expect(page.getByText('The budget is saved. Nothing ends when it is reached.')).toBeVisible();
    await portal.server.pass(1);
    await noticed(portal, page.getByText('The budget of this month is used up. Nothing ends because of it.'));
  });

  await test.step('who pays before and has nothing begins nothing new, and is told why', async () => {
    await operator.page.goto(`${billing}/payment`);
    const dialog = operator.page.getByRole('dialog', { name: 'How Acme pays' });
    await dialog.getByLabel('Before').check();
    await dialog.getByRole('button', { name: 'Save changes' }).click();
    await expect(operator.page.getByText('Saved. It holds from now on.')).toBeVisible();
    // Filled in while it was still possible, and sent when it no longer is.
    const open: Page[] = [];
    for (const { address, fill } of beginnings) {
      const other = await page.context().newPage();
      await other.goto(address);
      await fill(other);
      open.push(other);
    }
    for (let n = 0; n < 40 && (await balance(portal)) >= 0; n += 1) {
      await portal.server.pass(10);
      await again();
    }
    await portal.page.goto('/billing');
    await noticed(portal, page.getByText(/^The account is in arrears since /));
    for (const [n, { address, button, leadsTo }] of beginnings.entries()) {
      await test.step(`${button}: after the click and before it`, async () => {
        const sent = open[n]!;
        await expect(sent.getByText(REFUSAL)).toHaveCount(0);
        await sent.getByRole('button', { name: button, exact: true }).click();
        await explained(sent);
        await expect(leadsTo(sent)).toHaveCount(0);
        await sent.close();
        await page.goto(address);
        await explained(page);
        await expect(page.getByRole('button', { name: button, exact: true })).toHaveCount(0);
        // The way out stands where the explanation does: in the dialog, where there is one.
        const place = address.endsWith('/new') ? portal.main : page.getByRole('dialog');
        await place.getByRole('link', { name: 'Show billing', exact: true }).last().click();
        await expect(portal.heading('Billing')).toBeVisible();
      });
    }
    await page.goto('/images');
    await expect(page.getByRole('rowheader')).toHaveText([/golden/]);
    await page.goto('/instances');
    await expect(page.getByRole('rowheader')).toHaveText([/web/]);
    await expect(portal.row('web')).toContainText('Running');
  });

  await test.step('after fifteen days images wait in the recycle bin, and paying brings them back', async () => {
    await portal.server.pass(16);
    await again();
    await page.goto('/images/bin');
    await noticed(portal, portal.main.getByText('golden', { exact: true }));
    await booked('1000', 'Transfer 4712');
    await operator.page.goto(billing);
    await expect(operator.main.getByText(/^The account is in arrears/)).toHaveCount(0);
    await page.goto('/images');
    await noticed(portal, portal.row('golden'));
    await expect(portal.row('golden')).toContainText('Available');
    await expect(page.getByText(/^The account is in arrears/)).toHaveCount(0);
    for (const { address, fill, button, leadsTo } of beginnings) {
      await test.step(`${button}: possible again`, async () => {
        await page.goto(address);
        await fill(page);
        await page.getByRole('button', { name: button, exact: true }).click();
        await expect(leadsTo(page)).toBeVisible();
      });
    }
  });

  await test.step('a month closes by itself, and its hash verifies', async () => {
    await portal.server.pass(35);
    await again();
    const statements = page.getByRole('region', { name: 'Statements' });
    await page.goto('/billing');
    await noticed(portal, statements.getByRole('link', { name: /^Statement \d+$/ }));
    await statements.getByRole('link', { name: /^Statement \d+$/ }).first().click();
    await expect(page.getByText('Lines, sum and hash are what was written')).toBeVisible();
    const proof = (await page.getByRole('region', { name: 'Proof' }).getByRole('definition').allTextContents()).map((text) => text.trim());
    const due = await page.getByRole('region', { name: 'To pay' }).getByText(/^€\d+\.\d\d$/).first().textContent();
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Lines as CSV' }).click()]);
    const [, ...lines] = (await readFile(await file.path(), 'utf8')).trimEnd().split('\r\n').map((line) => line.split(','));
    const hash = createHash('sha256');
    for (const line of lines) for (const field of line.slice(0, 12)) hash.update(`${Buffer.byteLength(field)}:${field},`);
    expect(hash.digest('hex')).toBe(proof[1]);
    const millionths = lines.reduce((sum, line) => sum + Number(line[11]), 0);
    expect(due).toBe(`€${(Math.floor((millionths + 5000) / 10_000) / 100).toFixed(2)}`);
    const number = /\d+$/.exec((await page.getByRole('heading', { level: 1 }).textContent()) ?? '')![0];
    await page.goto('/billing');
    const entry = page.getByRole('region', { name: 'Ledger' }).getByRole('row').filter({ hasText: new RegExp(`Statement ${number},`) });
    await expect(entry).toContainText(`−${due}`);
    // The provider sees the same; others do not know of it.
    await operator.page.goto(`/statements/${account}/${number}`);
    await expect(operator.page.getByText('Lines, sum and hash are what was written')).toBeVisible();
    const stranger = await portal.another(browser, 'globex-owner');
    expect((await stranger.page.goto(`/statements/${account}/${number}`))?.status()).toBe(404);
    await stranger.page.context().close();
    await operator.page.context().close();
  });
});
