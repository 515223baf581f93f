// Prices of a region and what is made of them, with and without script: the provider announces prices for a day and takes them back, sets
// others at once, and the account finds its usage by section and day, down to the sums, and as files.
import { readFile } from 'node:fs/promises';
import { expect, test } from './support/test.ts';

// What is refused is answered with a status that browsers report in their console.
test.use({ expectedErrors: [/the server responded with a status of (409|422)/] });

test('the provider sets prices from a day on, and the account sees what it is charged', async ({ page, portal, browser }) => {
  test.setTimeout(120_000);
  const main = page.getByRole('main');
  const dialog = page.getByRole('dialog', { name: 'New prices of north-1' });
  const version = (n: number) => main.getByRole('row').filter({ hasText: `Version ${n}` });
  const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);

  await test.step('prices are announced for a day, refused for one that is over, and withdrawn', async () => {
    await portal.signIn('operator');
    await page.goto('/regions');
    await main.getByRole('link', { name: /^Prices.*north-1$/ }).click();
    await expect(version(1)).toContainText('In force');
    await main.getByRole('link', { name: 'New prices' }).click();
    await dialog.getByLabel('Images, per GB and month').fill('0.090');
    await dialog.getByLabel('From day').fill(day(-3));
    await dialog.getByRole('button', { name: 'Set prices' }).click();
    await expect(dialog.getByText(/That day is over/)).toBeVisible();
    await expect(dialog.getByLabel('Images, per GB and month')).toHaveValue('0.090');
    await dialog.getByLabel('From day').fill(day(3));
    await dialog.getByRole('button', { name: 'Set prices' }).click();
    await expect(version(2)).toContainText('Announced');
    await expect(version(2)).toContainText('to €0.090 per GB and month');
    await version(2).getByRole('button', { name: /^Withdraw/ }).click();
    await expect(version(2)).toContainText('Withdrawn');
    await expect(version(1)).toContainText('In force');
  });

  await test.step('others hold at once, for licences and transfers as well', async () => {
    await main.getByRole('link', { name: 'New prices' }).click();
    await dialog.getByLabel('Transfer to another region, per GB').fill('0.020');
    await dialog.getByLabel('Market licences, per hour').fill('GPL 0.0015');
    await dialog.getByRole('button', { name: 'Set prices' }).click();
    await expect(version(3)).toContainText('In force');
    await expect(main.getByText('€0.0015 per hour', { exact: true })).toBeVisible();
  });

  await test.step('the account has nothing to pay yet, and says so for any days', async () => {
    const owner = await portal.another(browser, 'acme-owner');
    await owner.page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Usage' }).click();
    await expect(owner.main.getByText('Nothing was charged')).toBeVisible();
    await owner.main.getByLabel('Period').selectOption('Last month');
    await owner.main.getByRole('button', { name: 'Show' }).click();
    await expect(owner.page).toHaveURL(/period=last/);
    const [file] = await Promise.all([
      owner.page.waitForEvent('download'),
      owner.main.getByRole('link', { name: 'Export CSV' }).click(),
    ]);
    expect(await readFile(await file.path(), 'utf8')).toMatch(/^Meter,Section,/);
    await owner.page.context().close();
  });
});
