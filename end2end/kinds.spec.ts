// Kinds of image, with and without script: a whole machine at one instant, deployed with its data disks where it may be; one data disk by
// itself, which becomes a new disk of a machine; a copy that leaves the data disks behind.
import { IMAGE_S } from './support/portal.ts';
import { expect, test } from './support/test.ts';

// What is refused is answered with a status that browsers report in their console.
test.use({ expectedErrors: [/the server responded with a status of (409|422)/] });

test('a machine with a data disk becomes an image as a whole, and its disk one by itself', async ({ page, portal }) => {
  test.setTimeout(180_000);
  await portal.signIn('acme-owner');
  await portal.work({ project: 'acme-prod', region: 'north-1' });
  const dialog = page.getByRole('dialog');
  const disks = page.getByRole('region', { name: 'Disks' });
  let machine = '';

  await test.step('a machine is made with a data disk', async () => {
    await page.goto('/instances/new');
    await portal.fillDeployment({ name: 'kin' });
    await page.getByText('Data disks (optional)').click();
    await page.getByLabel('Size of data-1 in GiB').fill('1');
    await page.getByRole('button', { name: 'Create instance' }).click();
    await expect(portal.heading('kin')).toBeVisible();
    machine = portal.id();
    await portal.becomes('Running');
    await expect(disks.getByRole('row').filter({ hasText: 'data-1' })).toContainText('If chosen');
  });

  const capture = async (what: string | RegExp, name: string): Promise<void> => {
    await page.goto(`/instances/${machine}/image`);
    await dialog.getByRole('radio', { name: what }).check();
    await dialog.getByLabel('Name', { exact: true }).fill(name);
    await dialog.getByRole('button', { name: 'Create image' }).click();
    await expect(portal.heading('My Images')).toBeVisible();
    await portal.imageBecomes(name, 'Available', IMAGE_S);
    await page.getByRole('link', { name, exact: true }).click();
    await expect(portal.heading(name)).toBeVisible();
  };
  let whole = '';
  await test.step('a whole machine needs the snapshot service of the region', async () => {
    await page.goto(`/instances/${machine}/image`);
    await expect(dialog.getByRole('radio', { name: 'Whole machine' })).toBeDisabled();
    await page.goto('/snapshots/service');
    await dialog.getByRole('button', { name: 'Turn on' }).click();
    await expect(page.getByText('The snapshot service is on, and charged from now on.')).toBeVisible();
  });

  await test.step('an image of all its disks at one instant says what follows from that', async () => {
    await capture('Whole machine', 'kin-whole');
    whole = portal.id();
    await expect(portal.main.getByText('Whole machine: deploys in zone a only, and not onto local disks')).toBeVisible();
    await expect(disks.getByRole('rowheader')).toHaveText([/^system/, /^data-1/]);
    await expect(disks.getByText(/none of them can be deleted alone/)).toBeVisible();
  });

  await test.step('it deploys with its data disk, in its zone only', async () => {
    await page.goto(`/instances/new?image=${whole}`);
    await expect(page.getByText(/whole machine with 1 data disk in zone a/)).toBeVisible();
    await portal.fillDeployment({ name: 'kin-2' });
    await page.getByLabel('Zone').selectOption('b');
    await page.getByRole('button', { name: 'Create instance' }).click();
    await expect(page.getByLabel('Zone')).toHaveAccessibleDescription(/Choose north-1a/);
    await page.getByLabel('Zone').selectOption('a');
    await page.getByRole('button', { name: 'Create instance' }).click();
    await expect(portal.heading('kin-2')).toBeVisible();
    await portal.becomes('Running');
    await expect(disks.getByRole('row').filter({ hasText: 'data-1' })).toContainText('1 GiB');
  });

  await test.step('a copy leaves the data disks behind unless it is asked to take them', async () => {
    await page.goto(`/images/${whole}/copy`);
    await expect(dialog.getByLabel('Copy the data disks as well')).not.toBeChecked();
    await dialog.getByLabel('Name', { exact: true }).fill('kin-system');
    await dialog.getByRole('button', { name: 'Copy image' }).click();
    await expect(portal.heading('kin-system')).toBeVisible();
    await expect(disks.getByRole('rowheader')).toHaveText([/^system/]);
    await page.goto(`/images/${whole}/copy`);
    await dialog.getByLabel('Copy the data disks as well').check();
    await dialog.getByLabel('Name', { exact: true }).fill('kin-all');
    await dialog.getByRole('button', { name: 'Copy image' }).click();
    await expect(portal.heading('kin-all')).toBeVisible();
    await expect(disks.getByRole('rowheader')).toHaveText([/^system/, /^data-1/]);
  });

  await test.step('an image of the data disk makes no machine, but a new disk of one that is off', async () => {
    await capture(/^data-1/, 'kin-data');
    await expect(portal.main.getByText('Data disk: machines are given new disks from it')).toBeVisible();
    await page.goto(`/instances/${machine}`);
    await expect(disks.getByRole('link', { name: 'Add a disk' })).toHaveCount(0);
    await portal.stop();
    await disks.getByRole('link', { name: 'Add a disk' }).click();
    await dialog.getByLabel('What is on it').selectOption({ label: 'kin-data, 1 GiB or more' });
    await dialog.getByRole('button', { name: 'Add disk' }).click();
    await portal.comes(disks.getByRole('row').filter({ hasText: 'data-2' }), IMAGE_S);
    await portal.becomes('Stopped');
    await disks.getByRole('link', { name: /^Remove.*data-2$/ }).click();
    await expect(dialog.getByText('Everything on it is gone for good')).toBeVisible();
    await dialog.getByRole('button', { name: 'Remove disk' }).click();
    await portal.goes(disks.getByRole('row').filter({ hasText: 'data-2' }), IMAGE_S);
    await portal.power('Start', 'Running');
  });
});
