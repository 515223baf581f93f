// What the provider decides about an account, with and without script: an image is deployed in another region once it agreed, across sites
// images are shared only where the region is on both, and the storage of images has a limit.
import { expect, test } from './support/test.ts';

// What is refused is answered with a status that browsers report in their console.
test.use({ expectedErrors: [/the server responded with a status of (409|422)/] });

test('an image goes where the provider lets it, and no further', async ({ page, portal, browser }) => {
  test.setTimeout(150_000);
  const operator = await portal.another(browser, 'operator');
  const stranger = await portal.another(browser, 'globex-owner');
  const theirs = await stranger.projectId('globex-prod');
  await stranger.page.context().close();
  await portal.signIn('acme-owner');
  await portal.work({ project: 'acme-prod', region: 'north-1' });
  await portal.copyPublic('far');
  const image = portal.id();
  const dialog = page.getByRole('dialog');
  const decide = operator.page.getByRole('dialog');

  await test.step('the account asks for another region, and the provider agrees', async () => {
    await portal.main.getByRole('link', { name: 'Ask for another region' }).click();
    await expect(dialog.getByLabel('Region')).toHaveValue('south-1');
    await dialog.getByLabel('Reason').fill('Half of our customers are in the south.');
    await dialog.getByRole('button', { name: 'Send request' }).click();
    const request = portal.main.getByRole('row').filter({ hasText: 'far to be deployed in south-1' });
    await expect(request).toContainText('It is in north-1');
    await operator.page.goto('/requests');
    await operator.main.getByRole('link', { name: /^Answer/ }).click();
    await expect(decide.getByRole('heading', { name: 'Acme asks for far to be deployed in south-1' })).toBeVisible();
    await expect(decide.getByLabel('New limit')).toHaveCount(0);
    await decide.getByRole('button', { name: 'Send answer' }).click();
    await expect(operator.main.getByRole('row').filter({ hasText: 'far to be deployed' })).toContainText('Approved');
  });

  await test.step('a machine there fetches its content and runs', async () => {
    await page.goto(`/images/${image}`);
    await expect(portal.main.getByText('Also in south-1')).toBeVisible();
    await portal.work({ region: 'south-1' });
    await page.goto(`/instances/new?image=${image}`);
    await expect(page.getByText(/fetched from north-1 first/)).toBeVisible();
    await portal.fillDeployment({ name: 'far-away' });
    await page.getByRole('button', { name: 'Create instance' }).click();
    await expect(portal.heading('far-away')).toBeVisible();
    await portal.becomes('Running');
    await page.goto(`/images/${image}`);
    await expect(page.getByRole('region', { name: 'Machines made from it' })).toContainText('far-away');
    await portal.work({ region: 'north-1' });
  });

  const share = async (): Promise<void> => {
    await page.goto(`/images/${image}/share`);
    await dialog.getByLabel('Project IDs, one per line').fill(theirs);
    await dialog.getByLabel(/^I know these projects/).check();
    await dialog.getByRole('button', { name: 'Share', exact: true }).click();
  };
  await test.step('across sites it is shared where its region is on both', async () => {
    await operator.page.goto('/accounts');
    await operator.main.getByRole('link', { name: 'Globex' }).click();
    await operator.main.getByRole('link', { name: 'Change site' }).click();
    await decide.getByLabel('Site').fill('Asia');
    await decide.getByRole('button', { name: 'Save changes' }).click();
    await expect(decide.getByText(/“Asia” cannot be the name of a site/)).toBeVisible();
    await decide.getByLabel('Site').fill('asia');
    await decide.getByRole('button', { name: 'Save changes' }).click();
    await expect(operator.main.getByText(/^On the site asia,/)).toBeVisible();
    await share();
    await expect(dialog.getByText(/This project is on the site asia, your account is on main, and north-1 is on main\./)).toBeVisible();
    await operator.page.goto('/regions/north-1');
    await decide.getByLabel(/^Sites/).fill('main asia');
    await decide.getByRole('button', { name: 'Save changes' }).click();
    await expect(operator.main.getByRole('row').filter({ hasText: 'north-1' })).toContainText('asia, main');
    await share();
    await expect(portal.main.getByRole('row').filter({ hasText: theirs })).toContainText('Waiting');
  });

  await test.step('where the storage of images is used up, another one is refused before and after the click', async () => {
    await operator.page.goto('/accounts');
    await operator.main.getByRole('link', { name: 'Acme' }).click();
    await operator.main.getByRole('link', { name: /^Change.*north-1$/ }).click();
    await decide.getByLabel('Its own, below').check();
    await decide.getByLabel('Storage of images, GB').fill('0');
    await decide.getByRole('button', { name: 'Save changes' }).click();
    await expect(operator.main.getByRole('row').filter({ hasText: 'north-1' })).toContainText('Limits of its own');
    await page.goto('/quotas');
    await expect(page.getByRole('region', { name: 'Limits' }).getByText(/MB of 0 GB; with the recycle bin/)).toBeVisible();
    await page.goto(`/images/${image}/copy`);
    await expect(dialog.getByText(/Maximum image storage reached\. Your limit in north-1 is 0 GB/)).toBeVisible();
  });
  await operator.page.context().close();
});
