// Managing many images, with and without script: tags and searching by several of them, protection, one thing done to many with a result
// for each, limits of memory that deploying honours, and the exported list.
import { readFile } from 'node:fs/promises';
import { expect, test } from './support/test.ts';

// What is refused is answered with a status that browsers report in their console.
test.use({ expectedErrors: [/the server responded with a status of (409|422)/] });

test('images are tagged, found by their tags, protected, exported and deleted together', async ({ page, portal }) => {
  test.setTimeout(120_000);
  await portal.signIn('acme-member');
  await portal.work({ project: 'acme-prod', region: 'north-1' });

  const list = portal.main.getByRole('table', { name: 'My Images in north-1' });
  const names = async (): Promise<string[]> => (await list.locator('tbody .name').allTextContents()).sort();
  const pick = (name: string) => list.getByRole('checkbox', { name: `Select ${name}` });
  const dialog = page.getByRole('dialog');
  const bar = page.locator('.bulk');

  await portal.copyPublic('app-1', { tags: 'env=prod, web' });
  await portal.copyPublic('app-2', { tags: 'env=prod' });
  await portal.copyPublic('app-3', { tags: 'env=test, web' });

  await test.step('a tag leads to the images that have it, and several must all be there', async () => {
    await page.goto('/images');
    await list.getByRole('link', { name: 'env=prod' }).first().click();
    await expect(page.getByRole('link', { name: 'Remove filter: env=prod' })).toBeVisible();
    expect(await names()).toEqual(['app-1', 'app-2']);
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.getByLabel('Tags, all of them').fill('env=prod, web');
    await page.getByRole('button', { name: 'Show matching images' }).click();
    await expect(page.getByRole('link', { name: 'Remove filter: web' })).toBeVisible();
    expect(await names()).toEqual(['app-1']);
  });

  await test.step('tags that are too many or none are refused with the form kept', async () => {
    await page.goto('/images');
    await pick('app-1').check();
    await pick('app-2').check();
    await expect(bar).toContainText('selected');
    await bar.getByRole('button', { name: 'Add tags' }).click();
    await expect(dialog.getByRole('heading', { name: 'Add tags to 2 images' })).toBeVisible();
    await dialog.getByLabel('Tags').fill('not a tag');
    await dialog.getByRole('button', { name: 'Add tags' }).click();
    await expect(dialog.getByText('“ ” is not allowed in the tag “not a tag”. Use letters, digits, - and _.')).toBeVisible();
    await expect(dialog.getByLabel('Tags')).toHaveValue('not a tag');
    await dialog.getByLabel('Tags').fill('team=blue');
    await dialog.getByRole('button', { name: 'Add tags' }).click();
    await expect(dialog.getByRole('heading', { name: '2 images tagged' })).toBeVisible();
    await dialog.getByRole('link', { name: 'Back to the list' }).click();
    await expect(list.getByRole('link', { name: 'team=blue' })).toHaveCount(2);
  });

  await test.step('a protected image is left out where many are deleted, and says why', async () => {
    await list.getByRole('link', { name: 'app-1', exact: true }).click();
    await portal.main.getByRole('button', { name: 'Protect', exact: true }).click();
    await expect(page.getByText('On. Nobody can delete it.')).toBeVisible();
    await page.goto('/images');
    await pick('app-1').check();
    await pick('app-2').check();
    await bar.getByRole('button', { name: 'Delete' }).click();
    await expect(dialog.getByRole('heading', { name: 'Delete 1 image?' })).toBeVisible();
    await expect(dialog.getByRole('listitem').filter({ hasText: 'app-1' })).toContainText('A protected image cannot be deleted.');
    await expect(dialog.getByText(/^Saves /)).toBeVisible();
    await dialog.getByRole('button', { name: 'Delete' }).click();
    await expect(dialog.getByRole('heading', { name: '1 image deleted' })).toBeVisible();
    await page.goto('/images');
    await portal.goes(list.getByRole('link', { name: 'app-2', exact: true }));
    expect(await names()).toEqual(['app-1', 'app-3']);
  });

  await test.step('the whole list, or what is picked of it, is a file', async () => {
    const download = async (press: () => Promise<void>): Promise<string[]> => {
      const [file] = await Promise.all([page.waitForEvent('download'), press()]);
      return (await readFile(await file.path(), 'utf8')).trimEnd().split('\r\n');
    };
    await page.getByRole('button', { name: 'All 2' }).click();
    const all = await download(() => page.getByRole('link', { name: 'Export list (CSV)' }).click());
    expect(all[0]).toMatch(/^Name,ID,Status,OS,Image type,Created,Disk capacity/);
    expect(all.slice(1).map((line) => line.split(',')[0]).sort()).toEqual(['app-1', 'app-3']);
    await page.goto('/images');
    await pick('app-3').check();
    const one = await download(() => bar.getByRole('button', { name: 'Export list' }).click());
    expect(one.slice(1)).toHaveLength(1);
    expect(one[1]).toContain('app-3');
    expect(one[1]).toContain('"env=test, web"');
  });

  await test.step('a limit of memory is honoured where machines are made', async () => {
    await page.goto('/images');
    await list.getByRole('link', { name: 'app-3', exact: true }).click();
    await portal.main.getByRole('link', { name: 'Edit', exact: true }).click();
    await dialog.getByLabel(/^Least memory/).fill('4096');
    await dialog.getByLabel(/^Most memory/).fill('1024');
    await dialog.getByRole('button', { name: 'Save changes' }).click();
    await expect(dialog.getByText(/1024 MiB is less than the least memory, 4096 MiB/)).toBeVisible();
    // With script the field says so while it is typed; the server's answer, which comes after it, fills the form again.
    await expect(dialog.getByRole('button', { name: 'Save changes' })).not.toHaveAttribute('aria-busy');
    await dialog.getByLabel(/^Most memory/).fill('');
    await dialog.getByLabel('NIC multi-queue').selectOption('On');
    await dialog.getByRole('button', { name: 'Save changes' }).click();
    await expect(page.getByText('Your changes are saved.')).toBeVisible();
    await expect(portal.main.getByText(/4 GiB memory or more/)).toBeVisible();
    await expect(portal.main.getByText(/BIOS, NIC multi-queue/)).toBeVisible();
    await portal.main.getByRole('link', { name: 'Deploy', exact: true }).click();
    await page.getByRole('radio', { name: /^m1\.tiny:/ }).check();
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('too-small');
    await page.getByRole('button', { name: 'Create instance' }).click();
    await expect(page.getByText(/is too little memory for this image\. Choose a type with at least 4 GiB\./).first()).toBeVisible();
  });

  await test.step('a machine of an image with the driver gets a network card with virtual functions', async () => {
    await page.goto('/images');
    await list.getByRole('link', { name: 'app-1', exact: true }).click();
    await portal.main.getByRole('link', { name: 'Edit', exact: true }).click();
    await dialog.getByLabel('SR-IOV driver').selectOption('On');
    await dialog.getByRole('button', { name: 'Save changes' }).click();
    await expect(portal.main.getByText(/BIOS, SR-IOV driver/)).toBeVisible();
    await portal.main.getByRole('link', { name: 'Deploy', exact: true }).click();
    await page.getByRole('radio', { name: /^m1\.tiny:/ }).check();
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('direct');
    await page.getByRole('button', { name: 'Create instance' }).click();
    await expect(portal.heading('direct')).toBeVisible();
    await portal.becomes('Running');
    await expect(portal.main.getByText('Intel 82576 with SR-IOV, 7 virtual functions')).toBeVisible();
    await expect(portal.main.getByText(/only with the drivers igb and igbvf/)).toBeVisible();
  });
});
