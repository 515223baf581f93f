// Quotas and the trail, with and without script: asking the provider for more, the answer, the history that both see, and the audit trail
// with its filters and as a file.
import { readFile } from 'node:fs/promises';
import { expect, test } from './support/test.ts';

// What is refused is answered with a status that browsers report in their console.
test.use({ expectedErrors: [/the server responded with a status of (409|422)/] });

test('an account asks for more, the provider answers, and the trail tells both', async ({ page, portal, browser }) => {
  test.setTimeout(120_000);
  await portal.signIn('acme-owner');
  await portal.work({ project: 'acme-prod', region: 'north-1' });
  const dialog = page.getByRole('dialog');
  const ask = async (wanted: string, reason: string): Promise<void> => {
    await dialog.getByLabel('New limit').fill(wanted);
    await dialog.getByLabel('Reason').fill(reason);
    await dialog.getByRole('button', { name: 'Send request' }).click();
  };
  const limits = page.getByRole('region', { name: 'Limits' });
  const requests = page.getByRole('region', { name: 'Requests' });

  await test.step('the page shows every limit with what is used, and asks with a reason', async () => {
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Quotas' }).click();
    await expect(limits.getByText(/of 30/).first()).toBeVisible();
    await limits.getByRole('link', { name: /^Request increase.*Images$/ }).click();
    await expect(dialog.getByText('The limit is 30 and 0 are used.')).toBeVisible();
    await ask('45', 'Short');
    await expect(dialog.getByText(/Too short: 5 characters/)).toBeVisible();
    await expect(dialog.getByLabel('New limit')).toHaveValue('45');
    await ask('45', 'Nightly images of all our machines.');
    await expect(page.getByText('Your provider is asked. The answer appears here.')).toBeVisible();
    await expect(requests.getByRole('row').filter({ hasText: '45 images' })).toContainText('Instead of 30 in north-1');
    await expect(limits.getByText('Asked for more')).toBeVisible();
  });

  await test.step('the provider sees that somebody waits, and answers with a note', async () => {
    const operator = await portal.another(browser, 'operator');
    await operator.page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: /^Requests.*1 new/ }).click();
    await operator.main.getByRole('link', { name: /^Answer/ }).click();
    const answer = operator.page.getByRole('dialog', { name: /asks for 45 images$/ });
    await expect(answer.getByText('Nightly images of all our machines.')).toBeVisible();
    await answer.getByLabel('New limit').fill('40');
    await answer.getByLabel('Note').fill('40 for now; ask again in spring.');
    await answer.getByRole('button', { name: 'Send answer' }).click();
    await expect(operator.main.getByText('None waits for an answer.')).toBeVisible();
    await expect(operator.main.getByRole('row').filter({ hasText: '45 images' })).toContainText('Approved');
    // The same person switches features of a region and sets what its accounts may have.
    await operator.page.goto('/regions');
    await operator.main.getByRole('link', { name: /^Change.*south-1$/ }).click();
    const region = operator.page.getByRole('dialog', { name: 'Change south-1' });
    await region.getByLabel('Image feature').selectOption('Off');
    await region.getByLabel('Days in the recycle bin').fill('4000');
    await region.getByRole('button', { name: 'Save changes' }).click();
    await expect(region.getByText('4000 is too much. It is 3650 at most.')).toBeVisible();
    await region.getByLabel('Days in the recycle bin').fill('0');
    await region.getByRole('button', { name: 'Save changes' }).click();
    await expect(operator.main.getByRole('row').filter({ hasText: 'south-1' })).toContainText('None: gone for good');
    await operator.page.context().close();
    await portal.work({ region: 'south-1' });
    await page.goto('/images');
    await expect(page.getByText(/^Image feature is not enabled in south-1\./)).toBeVisible();
    await portal.work({ region: 'north-1' });
  });

  await test.step('the account has more, and reads the answer', async () => {
    await page.goto('/quotas');
    await expect(limits.getByText(/of 40/).first()).toBeVisible();
    await expect(requests.getByRole('row').filter({ hasText: '45 images' })).toContainText('40 images now. 40 for now; ask again in spring.');
    await limits.getByRole('link', { name: /^Request increase.*Instances$/ }).click();
    await ask('1', 'We want to try a smaller limit.');
    // What is no increase does not even leave the form.
    expect(await dialog.getByLabel('New limit').evaluate((field: HTMLInputElement) => field.validity.rangeUnderflow)).toBe(true);
  });

  await test.step('the trail is filtered, and is a file whose lines are chained', async () => {
    await page.goto('/audit');
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.getByLabel('What', { exact: true }).selectOption('quota');
    await page.getByRole('button', { name: 'Show matching events' }).click();
    await expect(page.getByRole('link', { name: 'Remove filter: Quotas' })).toBeVisible();
    const actions = await page.getByRole('main').getByRole('rowheader').allTextContents();
    expect(actions.length).toBeGreaterThanOrEqual(2);
    expect(actions.every((text) => text.toLowerCase().includes('quota'))).toBe(true);
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Export list' }).click()]);
    const lines = (await readFile(await file.path(), 'utf8')).trimEnd().split('\r\n');
    expect(lines[0]).toBe('When,Who,Action,Kind of subject,Subject ID,Subject,Detail,Project,Region,Number in its chain,Hash');
    expect(lines.slice(1)).toHaveLength(actions.length);
    for (const line of lines.slice(1)) expect(line).toMatch(/quota\..*,\d+,[0-9a-f]{64}$/);
    await page.goto('/audit?actor=nobody-of-that-name');
    await expect(page.getByText('No event matches')).toBeVisible();
  });

  await test.step('an owner narrows the trail to a project, the provider to an account, and nobody to what is of others', async () => {
    await page.goto('/audit');
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.getByLabel('Project', { exact: true }).selectOption('acme-prod');
    await page.getByRole('button', { name: 'Show matching events' }).click();
    await expect(page.getByText('What happened in the project acme-prod, newest first.')).toBeVisible();
    await expect(page.getByRole('link', { name: 'Remove filter: Project acme-prod' })).toBeVisible();
    const rows = page.getByRole('main').getByRole('row').filter({ has: page.getByRole('rowheader') });
    const all = await rows.count();
    expect(all).toBeGreaterThan(0);
    await expect(rows.filter({ hasText: 'acme-prod' })).toHaveCount(all);
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Export list' }).click()]);
    const lines = (await readFile(await file.path(), 'utf8')).trimEnd().split('\r\n').slice(1);
    expect(lines.length).toBeGreaterThanOrEqual(all);
    for (const line of lines) expect(line).toContain(',acme-prod,');

    const operator = await portal.another(browser, 'operator');
    await operator.page.goto('/accounts');
    await operator.main.getByRole('link', { name: 'Globex', exact: true }).click();
    await operator.main.getByRole('link', { name: 'Audit', exact: true }).click();
    await expect(operator.main.getByText('What happened in the account Globex, newest first.')).toBeVisible();
    const theirs = new URL(operator.page.url()).search;
    await operator.main.getByRole('link', { name: 'Back to the account' }).click();
    await expect(operator.heading('Globex')).toBeVisible();
    await operator.page.context().close();

    await page.goto(`/audit${theirs}`);
    await expect(page.getByText('Nothing is known here of such an account.')).toBeVisible();
    await expect(page.getByText('No event matches')).toBeVisible();
  });
});
