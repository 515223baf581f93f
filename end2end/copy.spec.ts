// Copying an image into the own project and into another region, with and without script, and using the copy there.
import { IMAGE_S } from './support/portal.ts';
import { expect, test } from './support/test.ts';

// What is refused is answered with a status that browsers report in their console.
test.use({ expectedErrors: [/the server responded with a status of (409|422)/] });

test('an image is copied into two regions at once, and deployed where it was brought', async ({ page, portal }) => {
  test.setTimeout(180_000);
  await portal.signIn('acme-member');
  await portal.work({ project: 'acme-prod', region: 'north-1' });
  await page.goto('/images/public');
  await portal.main.getByRole('rowheader').first().getByRole('link').click();
  const copy = portal.main.getByRole('link', { name: 'Copy', exact: true });
  await copy.click();
  const dialog = page.getByRole('dialog', { name: /^Copy / });

  await test.step('the price of each copy is said, and a copy needs a region and a free name', async () => {
    await expect(dialog.getByText(/^€\d+\.\d{2,4} per month\. At once: its content is there already\./)).toBeVisible();
    await expect(dialog.getByText(/^€\d+\.\d{2,4} per month\. Only what is missing there travels/)).toBeVisible();
    await expect(dialog.getByText(/^At most: [\d.]+ MB at €/)).toBeVisible();
    await expect(dialog.getByText(/^This month (then|still) comes to about €/)).toBeVisible();
    await dialog.getByLabel('north-1', { exact: true }).uncheck();
    if (portal.script) await expect(dialog.getByText('No price yet')).toBeVisible();
    await dialog.getByLabel('Name', { exact: true }).fill('base');
    await dialog.getByRole('button', { name: 'Copy image' }).click();
    await expect(dialog.getByText(/region/i).filter({ hasText: /choose|missing/i }).first()).toBeVisible();
    await expect(dialog.getByLabel('Name', { exact: true })).toHaveValue('base');
  });

  await test.step('inside the region it is there at once, elsewhere when its content has travelled', async () => {
    await dialog.getByLabel('north-1', { exact: true }).check();
    await dialog.getByLabel('south-1', { exact: true }).check();
    if (portal.script) await expect(dialog.getByText(/^At most: 2 copies of [\d.]+ MB/)).toBeVisible();
    await dialog.getByRole('button', { name: 'Copy image' }).click();
    await expect(page.getByText('Copying. Each copy is in the list of its region.')).toBeVisible();
    await expect(portal.row('base')).toContainText('Available');
    await portal.work({ region: 'south-1' });
    await page.goto('/images');
    await portal.imageBecomes('base', 'Available', IMAGE_S);
  });

  await test.step('a name that is taken there is refused with one that is free', async () => {
    await page.goto('/images');
    await page.getByRole('link', { name: 'base', exact: true }).click();
    await expect(portal.main.getByText(/ in north-1$/)).toBeVisible();
    await copy.click();
    await dialog.getByLabel('Name', { exact: true }).fill('base');
    await dialog.getByRole('button', { name: 'Copy image' }).click();
    await expect(dialog.getByText(/You already have an image with this name in south-1\. Try base-/)).toBeVisible();
  });

  await test.step('what is there already does not travel again', async () => {
    await dialog.getByLabel('south-1', { exact: true }).uncheck();
    await dialog.getByLabel('north-1', { exact: true }).check();
    await dialog.getByLabel('Name', { exact: true }).fill('back-home');
    await dialog.getByRole('button', { name: 'Copy image' }).click();
    await portal.becomes('Available', IMAGE_S);
    await portal.work({ region: 'north-1' });
    await page.goto('/tasks');
    await page.getByRole('link', { name: 'Copy image back-home' }).click();
    await portal.comes(portal.main.getByText(/100 % was already there/));
  });

  await test.step('the copy is deployed where it was brought', async () => {
    await portal.work({ region: 'south-1' });
    await portal.deploy({ name: 'southern', tab: 'My Images', image: 'base' });
  });
});
