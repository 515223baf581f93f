// An ISO, with and without script: the provider registers one, a machine is made from it with an empty system disk, and starts from the
// disc in its drive.
import { DISC_SAYS, disc } from './support/disc.ts';
import { expect, test } from './support/test.ts';

// A server of its own, which soon cuts the power of a machine: what starts from the disc does not know the power button.
test.use({ serverOptions: { settings: ['[machines]', 'stop_timeout_ms = 2000'] } });

test('a machine made from an ISO starts from the disc in its drive', async ({ page, portal, server }) => {
  test.setTimeout(120_000);
  const { file, remove } = await disc();
  try {
    await server.admin('image', 'add', '--iso', '--name', 'installer', '--region', 'north-1', file);
  } finally {
    await remove();
  }
  await portal.signIn('acme-owner');
  await portal.work({ project: 'acme-prod', region: 'north-1' });

  await test.step('it is offered beside the other public images, and says what it is', async () => {
    await page.goto('/images/public');
    await page.getByRole('link', { name: 'installer', exact: true }).click();
    await expect(portal.heading('installer')).toBeVisible();
    await expect(portal.main.getByText(/^ISO/).first()).toBeVisible();
  });

  await test.step('its machine runs, has the disc in its drive, and has started from it', async () => {
    await portal.deploy({ name: 'bare', image: 'installer', tab: 'Public' });
    await expect(portal.main.getByText('installer, read-only')).toBeVisible();
    await expect(portal.main.getByRole('region', { name: 'Disks' }).getByRole('rowheader')).toHaveText([/^system/]);
    const machine = portal.id();
    await portal.comes(portal.main.getByText(DISC_SAYS), 40);
    expect(await server.machineProcess(machine)).toBeGreaterThan(0);
  });

  await test.step('it cannot be the new image of a machine that has a system', async () => {
    const machine = portal.id();
    await portal.power('Stop', 'Stopped');
    await page.goto(`/instances/${machine}/change-image`);
    await expect(page.getByRole('dialog').getByRole('option', { name: /^installer/ })).toHaveCount(0);
  });
});
