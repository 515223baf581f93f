// The recycle bin, with and without script: deleting is taken back in one press, restoring brings tags and family back and gives way to a
// name that is taken by then, and what is removed for good is gone.
import { expect, test } from './support/test.ts';

// What is refused is answered with a status that browsers report in their console; so is a page that is gone.
test.use({ expectedErrors: [/the server responded with a status of (404|409|422)/] });

test('a deleted image is taken back, restored under another name, and removed for good', async ({ page, portal }) => {
  test.setTimeout(120_000);
  await portal.signIn('acme-member');
  await portal.work({ project: 'acme-prod', region: 'north-1' });

  const remove = async (name: string): Promise<void> => {
    await portal.main.getByRole('link', { name: 'Delete', exact: true }).click();
    const dialog = page.getByRole('dialog', { name: `Delete ${name}?` });
    await expect(dialog.getByText('The family base then means no image')).toBeVisible();
    await expect(dialog.getByText(/^Undo until /)).toBeVisible();
    await expect(dialog.getByText(/^In the recycle bin it still costs /)).toBeVisible();
    await dialog.getByRole('button', { name: 'Delete image' }).click();
    await expect(page.getByText('The image is in the recycle bin. Machines made from it keep running.')).toBeVisible();
    await expect(portal.row(name)).toHaveCount(0);
  };

  await portal.copyPublic('keeper', { tags: 'env=prod', family: 'base' });
  const address = page.url();

  await test.step('one press takes it back, with its tags and its family', async () => {
    await remove('keeper');
    await page.getByRole('button', { name: 'Undo' }).click();
    await expect(page.getByText('Restored, with its tags, its family and its sharing.')).toBeVisible();
    await expect(portal.heading('keeper')).toBeVisible();
    await expect(portal.main.getByText('Available', { exact: true })).toBeVisible();
    await expect(portal.main.getByRole('link', { name: 'env=prod' })).toBeVisible();
    await expect(portal.main.getByText('base', { exact: true })).toBeVisible();
  });

  await test.step('in the bin it is of no use to anybody, and says until when it stays', async () => {
    await remove('keeper');
    await page.getByRole('navigation', { name: 'Images' }).getByRole('link', { name: /^Recycle bin/ }).click();
    await expect(portal.row('keeper')).toContainText('member@acme.example');
    await portal.row('keeper').getByRole('link', { name: 'keeper', exact: true }).click();
    await expect(portal.main.getByText(/put it into the recycle bin on .* It stays there until /)).toBeVisible();
    await expect(portal.main.getByRole('link', { name: 'Deploy' })).toHaveCount(0);
  });

  await test.step('a name that is taken by then gives way', async () => {
    await portal.copyPublic('keeper', { tags: 'env=prod', family: 'base' });
    await page.goto('/images/bin');
    await portal.row('keeper').getByRole('link', { name: /^Restore/ }).click();
    const dialog = page.getByRole('dialog', { name: 'Restore keeper?' });
    await expect(dialog.getByText('Another image is called keeper by now, so this one needs another name.')).toBeVisible();
    await expect(dialog.getByText(/^Again €.* per month, .* per hour$/)).toBeVisible();
    await dialog.getByLabel('Name', { exact: true }).fill('keeper');
    await dialog.getByRole('button', { name: 'Restore image' }).click();
    await expect(dialog.getByText(/You already have an image with this name in north-1\. Try keeper-2\./)).toBeVisible();
    await dialog.getByLabel('Name', { exact: true }).fill('keeper-2');
    await dialog.getByRole('button', { name: 'Restore image' }).click();
    await expect(portal.heading('keeper-2')).toBeVisible();
    expect(page.url().split('?')[0]).toBe(address.split('?')[0]);
  });

  await test.step('what is removed for good is gone', async () => {
    await portal.main.getByRole('link', { name: 'Delete', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete image' }).click();
    await expect(portal.heading('My Images')).toBeVisible();
    await page.goto('/images/bin');
    await page.getByRole('link', { name: 'Empty recycle bin' }).click();
    const dialog = page.getByRole('dialog', { name: 'Empty the recycle bin?' });
    await expect(dialog.getByText(/^1 image, .* This cannot be undone\.$/)).toBeVisible();
    await dialog.getByRole('button', { name: 'Empty it' }).click();
    await expect(page.getByText('Nothing in the recycle bin')).toBeVisible();
    await expect(async () => {
      expect((await page.request.get(address)).status()).toBe(404);
    }).toPass({ timeout: 30_000 });
    await page.goto('/images');
    await expect(portal.row('keeper').or(page.getByRole('link', { name: 'keeper', exact: true })).first()).toBeVisible();
  });
});
