// Scaling groups and changed images, with and without script: a group comes to its count, heals, is scaled, rolled to a new version of its
// family and deleted; a machine gets another image and keeps its data disk.
import { restingDisk } from './support/disc.ts';
import { MACHINE_S, type Portal } from './support/portal.ts';
import { expect, test } from './support/test.ts';

test.use({
  // What is refused is answered with a status that browsers report in their console.
  expectedErrors: [/the server responded with a status of (409|422)/],
  // Nobody looks into these machines, and there are many of them.
  serverOptions: { seed: restingDisk(), settings: ['[machines]', 'stop_timeout_ms = 2000'] },
});

/** Looks at the page of a group again and again until it shows this. */
async function shows(portal: Portal, address: string, holds: () => Promise<void>): Promise<void> {
  await expect(async () => {
    await portal.page.goto(address);
    await holds();
  }).toPass({ timeout: 2 * MACHINE_S * 1000 });
}

test('a group comes to its count, heals, is scaled, rolled and deleted', async ({ page, portal, server }) => {
  test.setTimeout(240_000);
  await portal.signIn('acme-owner');
  await portal.work({ project: 'acme-prod', region: 'north-1' });
  const machines = page.getByRole('region', { name: 'Machines' });
  const names = async (): Promise<string[]> => (await machines.getByRole('rowheader').allInnerTexts()).map((name) => name.trim());
  const dialog = page.getByRole('dialog');
  let group = '';
  const quiet = async (...wanted: string[]): Promise<void> => {
    await expect(page.getByText('As wanted', { exact: true })).toBeVisible({ timeout: 500 });
    expect(await names()).toEqual(wanted);
  };

  await test.step('it is made from a family, with the price of all before the click', async () => {
    await portal.copyPublic('base-1', { family: 'base' });
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: /^Scaling groups/ }).click();
    await page.getByRole('link', { name: 'Make the first group' }).click();
    await page.getByLabel('Machines', { exact: true }).fill('2');
    await page.getByRole('button', { name: 'Create group' }).click();
    // What is missing is said by the browser or by the server; nothing typed is lost.
    await expect(page.getByLabel('Machines', { exact: true })).toHaveValue('2');
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('app');
    await expect(page.getByRole('radio', { name: 'Newest of base' })).toBeChecked();
    await expect(page.getByText(/^While all run: 2 × /)).toBeVisible();
    await page.getByRole('button', { name: 'Create group' }).click();
    await expect(portal.heading('app')).toBeVisible();
    group = `/groups/${portal.id()}`;
    await shows(portal, group, () => quiet('app-1', 'app-2'));
  });

  await test.step('a machine that is killed is replaced', async () => {
    const address = await machines.getByRole('link', { name: 'app-1', exact: true }).getAttribute('href');
    process.kill(await server.machineProcess(address!.split('/').pop()!), 'SIGKILL');
    await shows(portal, group, () => quiet('app-2', 'app-3'));
    await expect(page.getByRole('region', { name: 'Activity' }).getByText(/^Replaced app-1: The machine's process ended/).first()).toBeVisible();
  });

  await test.step('one that is wanted no more goes', async () => {
    await page.getByRole('link', { name: 'Edit', exact: true }).click();
    await dialog.getByLabel('Machines', { exact: true }).fill('1');
    await dialog.getByRole('button', { name: 'Save changes' }).click();
    await expect(page.getByText('The group is changed. It comes to its count by itself.')).toBeVisible();
    await shows(portal, group, () => quiet('app-2'));
  });

  await test.step('it is rolled to a new version, which runs before the old one goes', async () => {
    await page.getByRole('button', { name: 'Roll (not possible now)' }).click();
    await expect(page.getByText('All machines are of the newest image already.')).toBeVisible();
    await portal.copyPublic('base-2', { family: 'base' });
    await page.goto(group);
    await expect(page.getByText('1 machine is of another image. Roll replaces them.')).toBeVisible();
    await page.getByRole('link', { name: 'Roll', exact: true }).click();
    await expect(dialog.getByText('At least 1 machine runs all the time')).toBeVisible();
    await dialog.getByRole('button', { name: 'Roll group' }).click();
    await shows(portal, group, () => quiet('app-4'));
    await expect(machines.getByRole('row').filter({ hasText: 'app-4' })).toContainText('base-2');
  });

  await test.step('its image names it before it is deleted, and so does its machine', async () => {
    await machines.getByRole('link', { name: 'app-4', exact: true }).click();
    await expect(portal.main.getByText('Started again when it is stopped, replaced when it fails or is deleted.')).toBeVisible();
    await page.getByRole('button', { name: 'More actions' }).click();
    await portal.main.getByRole('link', { name: 'Delete', exact: true }).click();
    await expect(dialog.getByText('The group app makes another one in its place')).toBeVisible();
    await page.goto('/images');
    await portal.more('base-2', 'Delete');
    await expect(dialog.getByText('Scaling groups make their machines from it')).toBeVisible();
  });

  await test.step('it goes with its machines', async () => {
    await page.goto(group);
    await page.getByRole('button', { name: 'More actions' }).click();
    await portal.main.getByRole('link', { name: 'Delete', exact: true }).click();
    await expect(dialog.getByText('app-4.')).toBeVisible();
    await dialog.getByRole('button', { name: 'Delete group' }).click();
    await shows(portal, '/groups', () => expect(portal.main.getByText(/^No scaling groups in/)).toBeVisible({ timeout: 500 }));
    expect(await server.machineProcesses()).toEqual([]);
  });
});

test('a machine gets another image and keeps its data disk', async ({ page, portal, server }) => {
  test.setTimeout(120_000);
  await portal.signIn('acme-owner');
  await portal.work({ project: 'acme-prod', region: 'north-1' });
  await portal.copyPublic('golden-2');
  await page.goto('/instances/new');
  await portal.fillDeployment({ name: 'worker' });
  await page.getByText('Data disks (optional)').click();
  await page.getByLabel('Size of data-1 in GiB').fill('1');
  await page.getByRole('button', { name: 'Create instance' }).click();
  await portal.becomes('Running');
  const machine = portal.id();
  const change = async (): Promise<void> => {
    await page.getByRole('button', { name: 'More actions' }).click();
    await portal.main.getByRole('link', { name: 'Change image', exact: true }).click();
  };
  await page.getByRole('button', { name: 'More actions' }).click();
  await expect(page.getByText(/^Only a machine that is off can be given another image\./).first()).toBeVisible();
  // A machine whose process died is off as well, and sooner than one that is shut down.
  process.kill(await server.machineProcess(machine), 'SIGKILL');
  await shows(portal, `/instances/${machine}`, () => expect(portal.main.getByText('Error', { exact: true })).toBeVisible({ timeout: 500 }));
  await change();
  const dialog = page.getByRole('dialog', { name: 'Change the image of worker?' });
  await expect(dialog.getByText('The system disk with everything on it is lost')).toBeVisible();
  await expect(dialog.getByText(/^data-1, \w+, 1 GiB$/)).toBeVisible();
  await expect(dialog.getByText(/per month, as before$/)).toBeVisible();
  await dialog.getByLabel('New image').selectOption({ label: (await dialog.getByRole('option', { name: /^golden-2,/ }).textContent())!.trim() });
  await dialog.getByLabel(/may be lost$/).check();
  await dialog.getByRole('button', { name: 'Change image' }).click();
  await expect(page.getByText('Changing the image. Until the new system runs, the old one is kept.')).toBeVisible();
  await portal.becomes('Running');
  await expect(page.getByRole('region', { name: 'Properties' }).getByRole('link', { name: 'golden-2' })).toBeVisible();
  await expect(page.getByRole('region', { name: 'Disks' }).getByRole('row').filter({ hasText: 'data-1' })).toContainText('1 GiB');
});
