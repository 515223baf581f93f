// What a person does besides the console, with and without script: the same pages, the same forms, the same ends.
// Without script a page shows the new state after a reload.
import { IMAGE_S } from './support/portal.ts';
import { expect, test } from './support/test.ts';

// A stale change and a bad password are refused on purpose, with a status that browsers report in their console.
test.use({ expectedErrors: [/the server responded with a status of (409|422)/] });

test('images are made of a stopped machine, found, renamed and deleted', async ({ page, portal, context }) => {
  test.setTimeout(180_000);
  await portal.signIn('acme-owner');
  await portal.work({ project: 'acme-staging' });
  const machine = await portal.deploy({ name: 'stage' });
  await portal.stop();

  await test.step('two images of the stopped machine', async () => {
    for (const name of ['alpha', 'beta']) {
      await portal.capture(machine, name);
      await portal.imageBecomes(name, 'Available', IMAGE_S);
    }
    await page.getByRole('link', { name: 'alpha' }).click();
    await expect(page.getByText('Clean: the machine was stopped.')).toBeVisible();
  });

  await test.step('search, filter, order and pages stand in the address', async () => {
    await page.goto('/images');
    await page.getByRole('searchbox', { name: 'Search images' }).fill('alp');
    await page.getByRole('searchbox', { name: 'Search images' }).press('Enter');
    await expect(page).toHaveURL(/[?&]q=alp/);
    await expect(portal.row('alpha')).toBeVisible();
    await expect(portal.row('beta')).toHaveCount(0);
    await page.goto('/images?q=nothing-like-it');
    await expect(page.getByText('No image matches “nothing-like-it”')).toBeVisible();
    await page.getByRole('link', { name: 'Show all images' }).click();
    await expect(page).toHaveURL(/\/images$/);

    await page.getByRole('link', { name: 'Name', exact: true }).click();
    await expect(page).toHaveURL(/[?&]sort=name/);
    await expect(page.getByRole('columnheader', { name: 'Name' })).toHaveAttribute('aria-sort', 'ascending');
    await expect(page.getByRole('rowheader')).toHaveText(['alpha', 'beta']);
    await page.getByRole('link', { name: 'Name', exact: true }).click();
    await expect(page.getByRole('rowheader')).toHaveText(['beta', 'alpha']);

    await page.getByRole('button', { name: 'Filter' }).click();
    await page.getByRole('checkbox', { name: 'Error' }).check();
    await page.getByRole('button', { name: 'Show matching images' }).click();
    await expect(page).toHaveURL(/[?&]status=error/);
    await expect(page.getByText('No image matches this filter')).toBeVisible();
    await page.getByRole('link', { name: 'Remove filter: Error' }).click();
    await expect(page.getByRole('rowheader')).toHaveText(['beta', 'alpha']);

    await page.goto('/images?sort=name&rows=1');
    await expect(page.getByText('1 to 1 of 2')).toBeVisible();
    await page.getByRole('link', { name: 'Next' }).click();
    await expect(page).toHaveURL(/[?&]page=2/);
    await expect(page.getByRole('rowheader')).toHaveText(['beta']);
    await page.reload();
    await expect(page.getByRole('rowheader')).toHaveText(['beta']);
  });

  await test.step('looking through the lists of images loses nothing that is typed for a new machine', async () => {
    await page.goto('/instances/new');
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('half-typed');
    const tabs = page.getByRole('radiogroup', { name: 'Images to choose from' });
    await tabs.locator('label').filter({ hasText: 'My Images' }).click();
    await page.getByRole('radio', { name: 'beta', exact: true }).check();
    await tabs.locator('label').filter({ hasText: 'Public' }).click();
    await expect(page.getByRole('radio', { name: 'beta', exact: true })).toBeHidden();
    await tabs.locator('label').filter({ hasText: 'My Images' }).click();
    await expect(page.getByRole('radio', { name: 'beta', exact: true })).toBeChecked();
    await expect(page.getByRole('textbox', { name: 'Name', exact: true })).toHaveValue('half-typed');
    await page.goto('/images');
  });

  await test.step('a name and a remark are changed, and a stale change is told who was quicker', async () => {
    await page.goto('/images');
    await portal.more('beta', 'Rename or edit');
    const slow = page.getByRole('dialog', { name: 'Edit beta' });
    await expect(slow.getByLabel('Name', { exact: true })).toHaveValue('beta');

    const other = await context.newPage();
    await other.goto(page.url());
    const quick = other.getByRole('dialog', { name: 'Edit beta' });
    await quick.getByLabel('Name', { exact: true }).fill('beta-2');
    await quick.getByLabel('Remark').fill('Renamed by the quicker one.');
    await quick.getByRole('button', { name: 'Save changes' }).click();
    await expect(other.getByText('Your changes are saved.')).toBeVisible();
    await expect(other.getByRole('heading', { level: 1, name: 'beta-2' })).toBeVisible();
    await expect(other.getByText('Renamed by the quicker one.')).toBeVisible();
    await other.close();

    await slow.getByLabel('Remark').fill('Written slowly.');
    await slow.getByRole('button', { name: 'Save changes' }).click();
    const stale = page.getByRole('dialog').getByRole('alert');
    await expect(stale).toContainText('owner@acme.example changed the name from “beta” to “beta-2” and the remark');
    await expect(stale).toContainText('The name is “beta-2” now.');
    await expect(page.getByRole('dialog').getByLabel('Remark')).toHaveValue('Written slowly.');
    await page.getByRole('dialog').getByRole('button', { name: 'Save changes' }).click();
    await expect(portal.heading('beta')).toBeVisible();
    await expect(page.getByText('Written slowly.')).toBeVisible();
  });

  await test.step('an image and its machine are deleted', async () => {
    await page.goto('/images');
    await portal.more('alpha', 'Delete');
    await page.getByRole('dialog', { name: 'Delete alpha?' }).getByRole('button', { name: 'Delete image' }).click();
    await expect(page.getByText('The image is in the recycle bin. Machines made from it keep running.')).toBeVisible();
    await portal.goes(portal.row('alpha'), IMAGE_S);
    await page.goto('/instances');
    await portal.more('stage', 'Delete');
    const dialog = page.getByRole('dialog', { name: 'Delete stage?' });
    await expect(dialog.getByText('Images made of it stay')).toBeVisible();
    await dialog.getByRole('button', { name: 'Delete instance' }).click();
    await expect(page.getByText('Deleting the machine and its disks. Images made of it stay.')).toBeVisible();
    await portal.goes(portal.row('stage'), IMAGE_S);
    await page.goto('/images');
    await page.getByRole('link', { name: 'beta', exact: true }).click();
    await expect(page.getByText('stage, deleted since')).toBeVisible();
  });

  await test.step('tasks and audit tell what was done', async () => {
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Tasks' }).click();
    await page.getByRole('navigation', { name: 'Tasks by state' }).getByRole('link', { name: 'Done' }).click();
    await expect(page).toHaveURL(/[?&]state=done/);
    await page.getByRole('link', { name: 'Create image alpha' }).click();
    await expect(portal.heading('Create image alpha')).toBeVisible();
    await portal.becomes('Done');
    await expect(page.getByRole('region', { name: 'What happened' }).getByRole('listitem').first()).toBeVisible();

    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Audit' }).click();
    await expect(portal.row('Delete image').filter({ hasText: 'alpha' })).toContainText('owner@acme.example');
    await page.goto('/images');
    await portal.more('beta', 'Audit');
    await expect(page.getByText(/What happened to the image beta/)).toBeVisible();
    await expect(portal.row('Update image').first()).toContainText('Changed');
    await expect(page.getByRole('row').filter({ hasText: 'stage' }).filter({ hasText: 'Stop' })).toHaveCount(0);
  });
});

test('what a person chose stays chosen, until they sign out', async ({ page, portal }) => {
  await portal.signIn('acme-reader');
  const html = page.locator('html');

  await page.getByRole('button', { name: 'Your account' }).click();
  await page.getByRole('button', { name: 'Dark', exact: true }).click();
  await expect(html).toHaveAttribute('data-theme', 'dark');
  await page.reload();
  await expect(html).toHaveAttribute('data-theme', 'dark');
  await page.getByRole('button', { name: 'Your account' }).click();
  await page.getByRole('button', { name: 'As the system', exact: true }).click();
  await expect(html).not.toHaveAttribute('data-theme');

  await page.goto('/tasks?state=done');
  await portal.work({ project: 'acme-staging', region: 'south-1' });
  await expect(page).toHaveURL(/\/tasks\?state=done$/);
  await page.reload();
  await expect(page.getByRole('button', { name: 'Project acme-staging, region south-1: switch' })).toBeVisible();
  await page.goto('/images');
  await expect(page.getByText('No images in acme-staging, south-1 yet')).toBeVisible();
  await portal.work({ project: 'acme-prod', region: 'north-1' });
  await expect(page.getByText('No images in acme-prod, north-1 yet')).toBeVisible();

  await page.getByRole('button', { name: 'Your account' }).click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(portal.heading('Sign in')).toBeVisible();
  await page.goto('/images?sort=name');
  await expect(portal.heading('Sign in')).toBeVisible();
  const { user, password } = portal.server.signIn('acme-reader');
  await page.getByLabel('E-mail address').fill(user);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page).toHaveURL(/\/images\?sort=name$/);
  await expect(portal.heading('My Images')).toBeVisible();
});

test('a person sees their sessions, ends one, and changes the password', async ({ page, portal, browser }) => {
  await portal.signIn('globex-owner');
  const { user, password } = portal.server.signIn('globex-owner');
  const elsewhere = await browser.newContext({ userAgent: 'The other browser' });
  const other = await elsewhere.newPage();
  await other.goto('/sign-in');
  await other.getByLabel('E-mail address').fill(user);
  await other.getByLabel('Password').fill(password);
  await other.getByRole('button', { name: 'Sign in' }).click();
  await expect(other.getByRole('heading', { level: 1, name: 'Overview' })).toBeVisible();

  await page.getByRole('button', { name: 'Your account' }).click();
  await page.getByRole('link', { name: 'Account and sessions' }).click();
  await expect(portal.main.getByText(user).first()).toBeVisible();
  const session = page.getByRole('row').filter({ hasText: 'The other browser' });
  await session.getByRole('button', { name: /^Revoke/ }).click();
  await expect(page.getByText('The session has ended. That browser has to sign in again.')).toBeVisible();
  await expect(session).toHaveCount(0);
  await other.goto('/images');
  await expect(other.getByRole('heading', { level: 1, name: 'Sign in' })).toBeVisible();
  await elsewhere.close();

  const change = async (present: string, next: string) => {
    await page.getByLabel('Present password').fill(present);
    await page.getByLabel('New password', { exact: true }).fill(next);
    await page.getByLabel('New password again').fill(next);
    await page.getByRole('button', { name: 'Change password' }).click();
  };
  await change(password, 'short');
  await expect(page.getByLabel('New password', { exact: true })).toHaveAccessibleDescription(/Too short: 5 characters/);
  await change(password, 'a much longer sentence');
  await expect(page.getByText('Your password is changed. Your other sessions have ended.')).toBeVisible();
  // The other tests sign in with the first one.
  await change('a much longer sentence', password);
  await expect(page.getByText('Your password is changed. Your other sessions have ended.')).toBeVisible();
});
