// The life of an image, with and without script: families that stand for their newest image, deprecating and rolling back, disabling,
// and days that are planned, moved and taken back.
import { expect, test } from './support/test.ts';

// What is refused is answered with a status that browsers report in their console.
test.use({ expectedErrors: [/the server responded with a status of (409|422)/] });

test('a family follows its newest active image, and a disabled one cannot be deployed', async ({ page, portal }) => {
  test.setTimeout(180_000);
  await portal.signIn('acme-member');
  await portal.work({ project: 'acme-prod', region: 'north-1' });

  /** A copy of the public image, in the family. Ends on its page. */
  const member = async (name: string): Promise<void> => {
    await page.goto('/images/public');
    await portal.main.getByRole('rowheader').first().getByRole('link').click();
    await portal.main.getByRole('link', { name: 'Copy', exact: true }).click();
    const copy = page.getByRole('dialog', { name: /^Copy / });
    await copy.getByLabel('Name', { exact: true }).fill(name);
    await copy.getByRole('button', { name: 'Copy image' }).click();
    await expect(portal.heading(name)).toBeVisible();
    await portal.main.getByRole('link', { name: 'Edit', exact: true }).click();
    const edit = page.getByRole('dialog', { name: `Edit ${name}` });
    await edit.getByLabel(/^Family/).fill('web-base');
    await edit.getByRole('button', { name: 'Save changes' }).click();
    await expect(page.getByText('Your changes are saved.')).toBeVisible();
  };
  /** What the family stands for on the page that makes a machine. */
  const leader = async (name: string): Promise<void> => {
    await page.goto('/instances/new');
    await page.getByRole('radiogroup', { name: 'Images to choose from' }).locator('label').filter({ hasText: 'My Images' }).click();
    await expect(portal.main.getByText(`${name} now:`)).toBeVisible();
  };
  const dialog = page.getByRole('dialog', { name: /^(Deprecate|Restore) / });
  const open = async (name: string, action: 'Deprecate' | 'Restore'): Promise<void> => {
    await page.goto('/images');
    await page.getByRole('link', { name, exact: true }).click();
    await expect(portal.heading(name)).toBeVisible();
    await portal.main.getByRole('link', { name: action, exact: true }).click();
  };
  const save = async (said = 'Saved. Machines made from it are not touched.'): Promise<void> => {
    await dialog.getByRole('button', { name: 'Save' }).click();
    await expect(page.getByText(said)).toBeVisible();
  };
  const inDays = (n: number): string => new Date(Date.now() + n * 86_400_000).toISOString().slice(0, 10);
  /** Fills the open dialog for a day. */
  const onDay = async (stage: string, day: string): Promise<void> => {
    await dialog.getByLabel(stage, { exact: true }).check();
    await dialog.getByLabel('On a day, by itself').check();
    await dialog.getByLabel(/^Day/).fill(day);
  };
  const planned = portal.main.getByText(/^It becomes /);

  await member('base-1');
  await member('base-2');
  await leader('base-2');

  await test.step('deprecating the newest rolls the family back and says what to use instead', async () => {
    await open('base-2', 'Deprecate');
    await dialog.getByLabel('Use instead').selectOption('base-1');
    await save();
    await expect(portal.main.getByText('Deprecated. It can still be deployed, but is neither shared nor copied.')).toBeVisible();
    await expect(portal.main.getByRole('link', { name: 'base-1', exact: true })).toBeVisible();
    await portal.main.getByRole('button', { name: 'Copy (not possible now)' }).click();
    await expect(page.getByText('A deprecated image is neither shared nor copied.').first()).toBeVisible();
    await page.goto('/images');
    await expect(portal.main.getByRole('row').filter({ hasText: 'base-2' })).toContainText('Deprecated');
    await leader('base-1');
  });

  await test.step('restoring it makes it the newest again, on a day if wanted', async () => {
    await open('base-2', 'Restore');
    await dialog.getByLabel('On a day, by itself').check();
    await dialog.getByLabel(/^Day/).fill('2001-01-01');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await expect(dialog.getByText('This day has begun already. Choose a later one, or now.')).toBeVisible();
    await dialog.getByLabel(/^Day/).fill(inDays(3));
    await save('Planned. It happens by itself, and can be taken back until then.');
    await expect(planned).toHaveText([/^It becomes active on /]);
    await expect(portal.main.getByRole('link', { name: 'base-1', exact: true })).toBeVisible();
    await open('base-2', 'Restore');
    await save('Saved. Plans that were of no use any more are gone; its activity says which.');
    await expect(planned).toHaveCount(0);
    await expect(portal.main.getByText(/^No longer planned: active on /)).toBeVisible();
    await leader('base-2');
  });

  await test.step('several days are planned, moved and taken back, each by itself', async () => {
    await open('base-2', 'Deprecate');
    await onDay('Disabled', inDays(90));
    await save('Planned. It happens by itself, and can be taken back until then.');
    await open('base-2', 'Deprecate');
    await expect(dialog.getByText(/ Planned: disabled on /)).toBeVisible();
    await onDay('Deprecated', inDays(90));
    await dialog.getByRole('button', { name: 'Save' }).click();
    await expect(dialog.getByText('It becomes disabled on this day. Choose another day, or remove that first.')).toBeVisible();
    await onDay('Deprecated', inDays(9));
    await save('Planned. It happens by itself, and can be taken back until then.');
    await expect(planned).toHaveText([/^It becomes deprecated on /, /^It becomes disabled on /]);
    await open('base-2', 'Deprecate');
    await onDay('Deprecated', inDays(10));
    await save('Planned for this day now, in place of the day before.');
    await expect(planned).toHaveCount(2);
    await expect(portal.main.getByText(/^Deprecated on .*, instead of /)).toBeVisible();
    await portal.main.getByRole('button', { name: 'Do not deprecate' }).click();
    await expect(page.getByText('No longer planned. What else is planned stays.')).toBeVisible();
    await expect(planned).toHaveText([/^It becomes disabled on /]);
    await leader('base-2');
  });

  await test.step('a disabled image is not deployed, and the family goes on without it', async () => {
    await open('base-2', 'Deprecate');
    await dialog.getByLabel('Disabled', { exact: true }).check();
    await save('Saved. Plans that were of no use any more are gone; its activity says which.');
    await expect(planned).toHaveCount(0);
    await portal.main.getByRole('button', { name: 'Deploy (not possible now)' }).click();
    await expect(page.getByText('A disabled image cannot be deployed.').first()).toBeVisible();
    await leader('base-1');
    await page.getByRole('radio', { name: /^Newest of web-base/ }).check();
    await page.getByRole('radio', { name: /^m1\.tiny:/ }).check();
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('of-the-family');
    await page.getByRole('button', { name: 'Create instance' }).click();
    await expect(portal.heading('of-the-family')).toBeVisible();
    await portal.becomes('Running');
    await expect(portal.main.getByRole('link', { name: 'base-1', exact: true })).toBeVisible();
  });
});
