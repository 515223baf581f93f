// Snapshots, with and without script: the service with its price, a snapshot of a machine, an image from it that a machine is made of, a
// schedule that keeps its newest, and what is refused.
import { expect, test } from './support/test.ts';

// What is refused is answered with a status that browsers report in their console.
test.use({ expectedErrors: [/the server responded with a status of (403|409|422)/] });

test('a machine is kept as a snapshot, by hand and by a schedule, and comes back from it', async ({ page, portal, browser }) => {
  test.setTimeout(180_000);
  await portal.signIn('acme-owner');
  await portal.work({ project: 'acme-prod', region: 'north-1' });
  const dialog = page.getByRole('dialog');
  const available = (name: string) => portal.row(name).getByRole('cell').filter({ hasText: /^Available/ });

  await page.goto('/instances/new');
  await portal.fillDeployment({ name: 'web' });
  await page.getByText(/^Data disks/).click();
  await page.getByLabel('Size of data-1 in GiB').fill('1');
  await page.getByRole('button', { name: 'Create instance' }).click();
  await expect(portal.heading('web')).toBeVisible();
  await portal.becomes('Running');
  const machine = portal.id();

  await test.step('without the service nothing is taken, and the refusal says what it costs', async () => {
    await page.goto(`/instances/${machine}/snapshot`);
    await expect(dialog.getByText('Snapshots and machine images need the snapshot service.')).toBeVisible();
    await expect(dialog.getByText(/for €1\.00 a month and €0\.030 per GB and month/)).toBeVisible();
    await dialog.getByRole('link', { name: 'Show the snapshot service' }).click();
    await expect(page.getByRole('dialog', { name: 'Turn the snapshot service on?' })).toBeVisible();
  });

  await test.step('a member sees it and does not decide about it', async () => {
    const member = await portal.another(browser, 'acme-member');
    await member.page.goto('/snapshots');
    await expect(member.main.getByText('Snapshot service off')).toBeVisible();
    await member.main.getByRole('button', { name: 'Turn on (not possible now)' }).click();
    await expect(member.page.getByText(/One of the owners of the account can turn it\./).first()).toBeVisible();
    await member.page.context().close();
  });

  await test.step('an owner turns it on, with the price before the click', async () => {
    await expect(dialog.getByText('€0.0014 per hour, €1.00 per month', { exact: true })).toBeVisible();
    await dialog.getByRole('button', { name: 'Turn on' }).click();
    await expect(page.getByText('The snapshot service is on, and charged from now on.')).toBeVisible();
    await expect(portal.main.getByText('Snapshot service on')).toBeVisible();
  });

  await test.step('a snapshot of all disks at one instant is taken of the running machine', async () => {
    await portal.main.getByRole('link', { name: 'New snapshot' }).click();
    await dialog.getByRole('link', { name: 'web', exact: true }).click();
    const take = page.getByRole('dialog', { name: 'Take a snapshot' });
    await take.getByLabel(/^All 2 disks at one instant/).check();
    await take.getByLabel('Name', { exact: true }).fill('before/update');
    await take.getByRole('button', { name: 'Take snapshot' }).click();
    await expect(take.getByText(/“\/” is not allowed/)).toBeVisible();
    await expect(take.getByLabel(/^All 2 disks/)).toBeChecked();
    await take.getByLabel('Name', { exact: true }).fill('before-update');
    await take.getByRole('button', { name: 'Take snapshot' }).click();
    await expect(portal.row('before-update')).toContainText('2 disks at one instant');
    await portal.comes(available('before-update'), 30);
  });

  await test.step('an image made from it is there at once, and a machine is made of that', async () => {
    await portal.row('before-update').getByRole('link', { name: 'Create image' }).click();
    await dialog.getByLabel('Name', { exact: true }).fill('web-whole');
    await dialog.getByRole('button', { name: 'Create image' }).click();
    await expect(portal.heading('web-whole')).toBeVisible();
    await expect(portal.main.getByText('Available', { exact: true }).first()).toBeVisible();
    const image = portal.id();
    // Its data disk stands in the list too, and is deleted with it only.
    await page.goto('/snapshots');
    const part = portal.main.getByRole('row').filter({ hasText: 'web-whole, data disk 1' });
    await expect(part).toContainText('Belongs to web-whole');
    await part.getByRole('button', { name: 'Delete (not possible now)' }).click();
    await expect(page.getByText('The data disks of a machine image cannot be deleted alone.').first()).toBeVisible();
    await page.goto(`/images/${image}/delete`);
    await expect(dialog.getByText('The snapshot service stays on')).toBeVisible();
    await expect(dialog.getByRole('link', { name: 'Turn the snapshot service off' })).toBeVisible();
    // From a snapshot of the system disk alone, a machine is made.
    await page.goto(`/instances/${machine}/snapshot`);
    const take = page.getByRole('dialog', { name: 'Take a snapshot' });
    await take.getByLabel(/^System disk/).check();
    await take.getByLabel('Name', { exact: true }).fill('system-only');
    await take.getByRole('button', { name: 'Take snapshot' }).click();
    await portal.comes(available('system-only'), 30);
    await portal.row('system-only').getByRole('link', { name: 'Create image' }).click();
    await dialog.getByLabel('Name', { exact: true }).fill('web-again');
    await dialog.getByRole('button', { name: 'Create image' }).click();
    await expect(portal.heading('web-again')).toBeVisible();
    await page.goto(`/instances/new?tab=mine&image=${portal.id()}`);
    await page.getByRole('radio', { name: /^m1\.tiny:/ }).check();
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('web-again');
    await page.getByRole('button', { name: 'Create instance' }).click();
    await expect(portal.heading('web-again')).toBeVisible();
    await portal.becomes('Running');
  });

  await test.step('a schedule takes one when it is due, and keeps the newest of its own', async () => {
    await page.goto('/snapshots/schedules');
    await portal.main.getByRole('link', { name: 'Make the first schedule' }).click();
    await dialog.getByLabel('Instance').selectOption(machine);
    await dialog.getByLabel('Which disks').selectOption('System disk');
    await dialog.getByRole('radio', { name: 'Every day' }).check();
    await dialog.getByLabel('For every day or week: at').fill('25:00');
    await dialog.getByLabel('Snapshots to keep').fill('1');
    await dialog.getByRole('button', { name: 'Create schedule' }).click();
    await expect(dialog.getByText('“25:00” is no time of day. Write it as 03:30, in UTC.')).toBeVisible();
    await expect(dialog.getByLabel('Snapshots to keep')).toHaveValue('1');
    await dialog.getByLabel('For every day or week: at').fill('03:30');
    await dialog.getByRole('button', { name: 'Create schedule' }).click();
    await expect(page.getByText('Saved. The list says when the next one is due.')).toBeVisible();
    const row = portal.main.getByRole('row').filter({ hasText: 'Every day at 03:30 UTC' });
    await expect(row).toContainText('web');
    await expect(row).toContainText('0 of 1');
    const made = portal.main.getByRole('row').filter({ hasText: 'By a schedule' });
    const run = async (): Promise<void> => {
      await page.goto('/snapshots/schedules');
      await row.getByRole('button', { name: /^Run now/ }).click();
      await expect(page.getByText('Its next snapshot is due now, and taken in a moment.')).toBeVisible();
      await portal.goes(row.getByText('Now', { exact: true }), 20);
      await page.goto('/snapshots');
    };
    await run();
    await portal.comes(made.getByRole('cell').filter({ hasText: /^Available/ }), 30);
    const first = (await made.getByRole('link').first().getAttribute('href'))!;
    await page.goto('/snapshots/schedules');
    await expect(row).toContainText('1 of 1');
    await run();
    // The first one goes once there is a newer one, and what was taken by hand stays.
    await portal.goes(page.locator(`a[href="${first}"]`), 40);
    await expect(made.getByRole('cell').filter({ hasText: /^Available/ })).toHaveCount(1);
    await expect(portal.row('before-update')).toBeVisible();
  });

  await test.step('a schedule of one data disk takes nothing once that is gone, and says so', async () => {
    await page.goto('/snapshots/schedules/new');
    await dialog.getByLabel('Instance').selectOption(machine);
    await dialog.getByLabel('Which disks').selectOption('data-1, ssd, 1 GiB of web');
    await dialog.getByRole('radio', { name: 'Every week' }).check();
    await dialog.getByRole('button', { name: 'Create schedule' }).click();
    await expect(page.getByText('Saved. The list says when the next one is due.')).toBeVisible();
    const row = portal.main.getByRole('row').filter({ hasText: 'Every Sunday' });
    await expect(row).toContainText('data-1, ssd, 1 GiB');
    await page.goto(`/instances/${machine}`);
    await portal.stop();
    await portal.main.getByRole('link', { name: /^Remove.*data-1$/ }).click();
    await expect(dialog.getByText('Schedules that take this disk alone take nothing more')).toBeVisible();
    await dialog.getByRole('button', { name: 'Remove disk' }).click();
    await portal.goes(portal.main.getByRole('row').filter({ hasText: 'data-1' }), 30);
    await page.goto('/snapshots/schedules');
    await expect(row.getByText(/^Disk gone since/)).toBeVisible();
    await expect(row.getByRole('button', { name: /^Run now/ })).toHaveCount(0);
    await row.getByRole('button', { name: /^More actions/ }).click();
    await row.getByRole('link', { name: 'Change', exact: true }).locator('visible=true').click();
    await expect(dialog.getByText(/^The disk data-1, ssd, 1 GiB is gone since/)).toBeVisible();
    await dialog.getByRole('button', { name: 'Save changes' }).click();
    await expect(dialog.getByLabel('Which disks')).toHaveAccessibleDescription(/Choose which disks/);
    await dialog.getByLabel('Which disks').selectOption('System disk');
    await dialog.getByRole('button', { name: 'Save changes' }).click();
    await expect(row.getByText(/^Disk gone since/)).toHaveCount(0);
    await expect(row).toContainText('System disk');
    await page.goto('/snapshots');
  });

  await test.step('turned off, the service takes no more and leaves what is there', async () => {
    await portal.main.getByRole('link', { name: 'Turn off' }).click();
    await expect(dialog.getByText('Schedules stop')).toBeVisible();
    await expect(dialog.getByText('Snapshots stay and go on costing')).toBeVisible();
    await dialog.getByRole('button', { name: 'Turn off' }).click();
    await expect(page.getByText('The snapshot service is off. Snapshots stay until you delete them.')).toBeVisible();
    await expect(available('before-update').first()).toBeVisible();
    await portal.more('before-update', 'Delete');
    await dialog.getByRole('button', { name: 'Delete snapshot' }).click();
    await portal.goes(portal.row('before-update'), 20);
  });
});
