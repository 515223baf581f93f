// The main job, as one person does it in one sitting: deploy a machine, change it through its console, make an image of
// it while it runs, deploy a second machine from that image, find the change there, see what the image costs, delete it.
import { randomUUID } from 'node:crypto';
import { IMAGE_S } from './support/portal.ts';
import { expect, test } from './support/test.ts';

test('a running machine becomes an image, and the image becomes a machine', async ({ page, portal }) => {
  test.setTimeout(240_000);
  const marker = `marker-${randomUUID()}`;
  const image = 'web-golden';
  await portal.signIn('acme-member');

  let first = '';
  await test.step('the price is known before the machine is made', async () => {
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Instances' }).click();
    await page.getByRole('link', { name: 'Make the first machine' }).click();
    await expect(portal.heading('New instance')).toBeVisible();
    await portal.fillDeployment({ name: 'web-1' });
    const price = page.getByText(/^€\d+\.\d{3,4} per hour, €\d+\.\d{2,4} per month$/);
    await expect(price).toBeVisible();
    const tiny = await price.textContent();
    await page.getByRole('radio', { name: /^m1\.large:/ }).check();
    await expect(price).not.toHaveText(tiny ?? '');
    await page.getByRole('radio', { name: /^m1\.tiny:/ }).check();
    await expect(price).toHaveText(tiny ?? '');
    await page.getByRole('button', { name: 'Create instance' }).click();
    await expect(portal.heading('web-1')).toBeVisible();
    await portal.becomes('Running');
    first = portal.id();
  });

  await test.step('the machine is changed through its console', async () => {
    await page.getByRole('link', { name: 'Console' }).click();
    await expect(portal.heading('Console of web-1')).toBeVisible();
    const console = await portal.console(first);
    await console.run(`echo ${marker} > /root/marker`);
    await console.run('sync');
  });

  await test.step('an image is made of it while it runs', async () => {
    await page.getByRole('link', { name: 'web-1' }).click();
    await portal.main.getByRole('link', { name: 'Image', exact: true }).click();
    const dialog = page.getByRole('dialog', { name: 'Create an image' });
    const name = dialog.getByLabel('Name', { exact: true });
    await expect(name).toHaveValue('web-1-v1');
    await expect(dialog.getByText(/An image of a machine that cannot boot will not boot either/)).toBeVisible();
    await expect(dialog.getByText(/^About €\d+\.\d{2,4} per month, .* per hour$/)).toBeVisible();
    await name.fill(image);
    await dialog.getByLabel('Remark').fill('Made by the story.');
    await dialog.getByRole('button', { name: 'Create image' }).click();
    await expect(portal.heading('My Images')).toBeVisible();
    await expect(page.getByText('Making the image. It goes on when you leave this page.')).toBeVisible();
    await expect(portal.row(image)).toContainText(/Creating|Available/);
    await portal.imageBecomes(image, 'Available');
    // Never available with size 0.
    await expect(portal.row(image)).toContainText(/1 GiB/);
    await expect(portal.row(image)).toContainText(/\d+(\.\d+)? MB/);
  });

  let second = '';
  await test.step('a second machine is made from the image, and the change is there', async () => {
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Instances' }).click();
    await page.getByRole('link', { name: 'New instance' }).click();
    await portal.fillDeployment({ name: 'web-2', tab: 'My Images', image });
    await page.getByRole('button', { name: 'Create instance' }).click();
    await expect(portal.heading('web-2')).toBeVisible();
    await portal.becomes('Running');
    second = portal.id();
    const console = await portal.console(second);
    await console.run('cat /root/marker');
    await expect(console.line(new RegExp(`^${marker}\\s*$`))).toBeVisible();
    await console.run('test "$(hostname)" = web-2');
  });

  await test.step('the page of the image says what it is, where it came from and what it costs', async () => {
    await page.goto('/images');
    await page.getByRole('link', { name: image }).click();
    await expect(portal.heading(image)).toBeVisible();
    await expect(page.getByText('Clean: the guest agent froze the file systems for the instant of the capture.')).toBeVisible();
    await expect(portal.main.getByRole('link', { name: 'web-1' }).first()).toBeVisible();
    const cost = page.getByRole('region', { name: 'Cost' });
    await expect(cost.getByText('so far')).toBeVisible();
    await expect(cost.getByText('Per month')).toBeVisible();
    await expect(cost.getByText(/€0\.050 per stored GB and month/)).toBeVisible();
    await expect(page.getByRole('region', { name: 'Machines made from it' })).toContainText('web-2');
  });

  await test.step('the image is deleted, and the machine made from it keeps running', async () => {
    await portal.main.getByRole('link', { name: 'Delete', exact: true }).click();
    const dialog = page.getByRole('dialog', { name: `Delete ${image}?` });
    await expect(dialog.getByText('Machines made from it keep running')).toBeVisible();
    await expect(dialog.getByText('1 machine', { exact: true })).toBeVisible();
    await expect(dialog.getByText(/^−€\d+\.\d{2,4}$/)).toBeVisible();
    await expect(dialog.getByText(/^Undo until /)).toBeVisible();
    await dialog.getByRole('button', { name: 'Delete image' }).click();
    await expect(page.getByText('The image is in the recycle bin. Machines made from it keep running.')).toBeVisible();
    await portal.goes(portal.row(image), IMAGE_S);
    await page.goto(`/instances/${second}`);
    await portal.becomes('Running');
    await page.goto('/images/bin');
    await page.getByRole('link', { name: `Delete ${image} for good` }).click();
    await page.getByRole('dialog', { name: `Delete ${image} for good?` }).getByRole('button', { name: 'Delete for good' }).click();
    // The row is not behind every dialog: what says that the answer is here is the notice.
    await expect(page.getByText('Removing it for good. Its space becomes free.')).toBeVisible();
    await portal.goes(portal.row(image), IMAGE_S);
    await page.goto(`/instances/${second}`);
    await expect(portal.main.getByText(`${image}, deleted since`)).toBeVisible({ timeout: IMAGE_S * 1000 });
    const console = await portal.console(second);
    await console.run('cat /root/marker');
  });

  await test.step('a machine is stopped, started, restarted and deleted', async () => {
    await page.goto(`/instances/${second}`);
    await portal.stop();
    await portal.power('Start', 'Running');
    const console = await portal.console(second);
    await console.run(`grep ${marker} /root/marker`);
    await page.goto(`/instances/${second}`);
    await portal.power('Restart', 'Rebooting');
    await portal.becomes('Running');
    for (const [id, name] of [[first, 'web-1'], [second, 'web-2']] as const) {
      await page.goto(`/instances/${id}`);
      await page.getByRole('button', { name: 'More actions' }).click();
      await page.getByRole('link', { name: 'Delete', exact: true }).click();
      const dialog = page.getByRole('dialog', { name: `Delete ${name}?` });
      await expect(dialog.getByText('Everything on its disks is gone for good')).toBeVisible();
      await dialog.getByRole('button', { name: 'Delete instance' }).click();
      await expect(page.getByText('Deleting the machine and its disks. Images made of it stay.')).toBeVisible();
      await expect(portal.heading('Instances')).toBeVisible();
      await portal.goes(portal.row(name), IMAGE_S);
    }
    await expect(page.getByText('No machines in acme-prod, north-1 yet')).toBeVisible();
  });
});
