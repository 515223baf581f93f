// The provider's view of money, with and without script: what was charged by month and region, who was charged most, what is stored and
// billed, and the lines of usage of all accounts as files that a program fetches a few lines at a time.
import { readFile } from 'node:fs/promises';
import type { APIResponse, Locator, Page } from '@playwright/test';
import { expect, test } from './support/test.ts';

// What is refused is answered with a status that browsers report in their console.
test.use({ expectedErrors: [/the server responded with a status of 404/] });

/** The text of the file that a link leads to. */
async function downloaded(page: Page, link: Locator): Promise<{ name: string; text: string }> {
  const [file] = await Promise.all([page.waitForEvent('download'), link.click()]);
  return { name: file.suggestedFilename(), text: await readFile(await file.path(), 'utf8') };
}

test('an operator sees what was charged and fetches every line of it, and a tenant sees neither', async ({ page, portal, browser }) => {
  test.setTimeout(120_000);
  const main = page.getByRole('main');
  const month = new Date().toISOString().slice(0, 7);

  await test.step('a provider whose accounts used nothing yet is told so', async () => {
    await portal.signIn('operator');
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Revenue' }).click();
    await expect(portal.heading('Revenue')).toBeVisible();
    await expect(main.getByRole('heading', { name: 'Nothing was charged in these twelve months' })).toBeVisible();
    const storage = main.getByRole('region', { name: 'Stored and billed now' });
    await expect(storage.getByText(/^This region stores .* and bills 0 B; .* of public images are billed to nobody\.$/).first()).toBeVisible();
  });

  const owner = await portal.another(browser, 'acme-owner');
  await test.step('two accounts use something', async () => {
    await owner.work({ project: 'acme-prod', region: 'north-1' });
    await owner.copyPublic('golden');
    await owner.deploy({ name: 'web' });
    const stranger = await portal.another(browser, 'globex-owner');
    await stranger.copyPublic('theirs');
    await stranger.page.context().close();
  });

  await test.step('the page has months, regions, accounts and what is billed', async () => {
    await expect(async () => {
      await page.goto('/revenue');
      await expect(main.getByRole('region', { name: /^Accounts in / }).getByRole('link', { name: 'Acme', exact: true })).toBeVisible({ timeout: 1000 });
    }).toPass({ timeout: 40_000 });
    const months = main.getByRole('region', { name: 'By month and region' });
    await expect(months.getByRole('columnheader', { name: 'north-1' })).toHaveCount(1);
    await expect(months.getByRole('rowheader', { name: /, until now$/ })).toHaveCount(1);
    await expect(months.getByRole('rowheader', { name: 'Twelve months' })).toHaveCount(1);
    const choices = main.getByLabel('Month', { exact: true });
    await expect(choices.getByRole('option')).toHaveCount(12);
    await expect(choices).toHaveValue(month);
    await choices.selectOption({ index: 11 });
    await main.getByRole('button', { name: 'Show' }).click();
    await expect(page).toHaveURL(/\/revenue\?month=\d{4}-\d\d$/);
    await expect(main.getByText('No account was charged anything.')).toBeVisible();
    await months.getByRole('link', { name: /, until now$/ }).click();
    await expect(page).toHaveURL(new RegExp(`month=${month}$`));
    await main.getByRole('region', { name: /^Accounts in / }).getByRole('link', { name: 'Acme', exact: true }).click();
    await expect(portal.heading('Acme')).toBeVisible();
  });

  await test.step('every line is in both files, and a program goes on after the last line it has', async () => {
    await page.goto('/revenue');
    const csv = await downloaded(page, main.getByRole('link', { name: 'Export CSV' }));
    const jsonl = await downloaded(page, main.getByRole('link', { name: 'Export JSON lines' }));
    expect(csv.name).toMatch(new RegExp(`^usage-${month}-01-${month}-\\d\\d\\.csv$`));
    expect(jsonl.name).toMatch(/\.jsonl$/);
    const [head, ...rows] = csv.text.trimEnd().split('\r\n');
    const lines = jsonl.text.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, string | number | null>);
    expect(head).toBe(Object.keys(lines[0]!).join(','));
    expect(rows.map((row) => row.split(',')[0])).toEqual(lines.map((line) => line.cursor));
    expect(new Set(lines.map((line) => line.account))).toEqual(new Set(['Acme', 'Globex']));
    const address = (await main.getByRole('link', { name: 'Export JSON lines' }).getAttribute('href')) ?? '';
    const cursors: string[] = [];
    let after: string | undefined = '';
    while (after !== undefined) {
      const answer: APIResponse = await page.request.get(`${address}&limit=2${after ? `&after=${after}` : ''}`);
      expect(answer.headers()['content-type']).toBe('application/x-ndjson');
      for (const line of (await answer.text()).trimEnd().split('\n')) cursors.push((JSON.parse(line) as { cursor: string }).cursor);
      after = answer.headers()['x-next-cursor'];
    }
    expect(cursors).toEqual(lines.map((line) => line.cursor));
    const wrong = await page.request.get(`${address}&limit=0`);
    expect(wrong.status()).toBe(422);
    expect(await wrong.text()).toContain('Allowed is a whole number from 1 to 10000');
  });

  await test.step('a tenant is told that there is no such page', async () => {
    await expect(owner.page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Revenue' })).toHaveCount(0);
    expect((await owner.page.goto('/revenue'))?.status()).toBe(404);
    for (const file of ['csv', 'jsonl']) {
      expect((await owner.page.request.get(`/revenue/usage.${file}?from=${month}-01&until=${month}-02`)).status()).toBe(404);
    }
    await owner.page.context().close();
  });
});
