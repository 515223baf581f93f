// What darkroom refuses, and how it says so: beside the field, with what was typed still there, with the figure and the
// way out. With and without script, because the server judges in both.
import { type Page } from '@playwright/test';
import { Portal } from './support/portal.ts';
import { expect, once, test as base } from './support/test.ts';

/** One stopped machine with a disk of 2 GiB, for all tests of this file. */
const test = base.extend<{ machine: string }>({
  machine: [
    once(async (browser, server) => {
      const context = await browser.newContext({ baseURL: server.url, javaScriptEnabled: true });
      const page = await context.newPage();
      const portal = new Portal(page, server, true);
      await portal.signIn('acme-owner');
      await page.goto('/instances/new');
      await portal.fillDeployment({ name: 'base' });
      await page.getByLabel('Size of the system disk in GiB').fill('2');
      await page.getByRole('button', { name: 'Create instance' }).click();
      await portal.comes(portal.heading('base'));
      await portal.becomes('Running');
      const id = portal.id();
      await portal.stop();
      await context.close();
      return id;
    }),
    { scope: 'test', timeout: 180_000 },
  ],
});
// Refused calls are answered with a status that browsers report in their console.
test.use({ serverOptions: { settings: ['[sign_in]', 'failures_max = 3'] }, expectedErrors: [/the server responded with a status of 4\d\d/] });

const dialogOf = (page: Page) => page.getByRole('dialog', { name: 'Create an image' });

async function openDialog(page: Page, machine: string): Promise<void> {
  await page.goto(`/instances/${machine}/image`);
  await expect(dialogOf(page).getByLabel('Name', { exact: true })).toBeVisible();
}

async function create(page: Page, name: string): Promise<void> {
  const dialog = dialogOf(page);
  await dialog.getByLabel('Name', { exact: true }).fill(name);
  await dialog.getByLabel('Remark').fill('Two lines\nof a remark.');
  await dialog.getByRole('button', { name: 'Create image' }).click();
}

/** Images with this in their name. */
async function imagesLike(portal: Portal, text: string): Promise<number> {
  await portal.page.goto(`/images?q=${text}`);
  await expect(portal.heading('My Images')).toBeVisible();
  return portal.page.getByRole('rowheader').count();
}

test('a bad name is refused at its field and everything typed is kept', async ({ page, portal, machine }) => {
  await portal.signIn('acme-member');
  await openDialog(page, machine);
  await create(page, 'web/1');
  const name = dialogOf(page).getByLabel('Name', { exact: true });
  await expect(name).toHaveAccessibleDescription(/“\/” is not allowed in a name\. Use letters, digits/);
  await expect(name).toHaveAttribute('aria-invalid', 'true');
  await expect(name).toHaveValue('web/1');
  await expect(dialogOf(page).getByLabel('Remark')).toHaveValue('Two lines\nof a remark.');
  expect(await imagesLike(portal, 'web')).toBe(0);
});

test('a machine with a bad name and a small disk is told both at once, and keeps the choices', async ({ page, portal, machine }) => {
  await portal.signIn('acme-member');
  await openDialog(page, machine);
  await create(page, 'two-gib');
  await portal.imageBecomes('two-gib', 'Available');
  await page.getByRole('link', { name: 'two-gib' }).click();
  await portal.main.getByRole('link', { name: 'Deploy', exact: true }).click();
  const size = page.getByLabel('Size of the system disk in GiB');
  await expect(size).toHaveValue('2');
  await portal.fillDeployment({ name: 'small', type: 'm1.medium' });
  await size.fill('1');
  await page.getByRole('button', { name: 'Create instance' }).click();
  await expect(size).toHaveAccessibleDescription(/1 GiB is smaller than the image\. Choose at least 2 GiB\./);
  await expect(size).toHaveValue('1');
  await expect(page.getByRole('radio', { name: /^m1\.medium:/ })).toBeChecked();
  await expect(page.getByRole('radio', { name: 'two-gib' })).toBeChecked();
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('a?b');
  await page.getByRole('button', { name: 'Create instance' }).click();
  await expect(page.getByRole('textbox', { name: 'Name', exact: true })).toHaveAccessibleDescription(/“\?” is not allowed/);
  await page.goto('/instances?q=small');
  await expect(page.getByText('No machine matches “small”')).toBeVisible();
});

test('a name that is taken is refused with one that is free', async ({ page, portal, machine }) => {
  await portal.signIn('acme-member');
  await openDialog(page, machine);
  await create(page, 'taken');
  await portal.imageBecomes('taken', 'Available');
  await openDialog(page, machine);
  await create(page, 'Taken');
  const name = dialogOf(page).getByLabel('Name', { exact: true });
  await expect(name).toHaveAccessibleDescription('You already have an image with this name in north-1. Try Taken-2.');
  await expect(name).toHaveValue('Taken');
  await create(page, 'Taken-2');
  await portal.imageBecomes('Taken-2', 'Available');
});

test('the limit of images is told with its figure, before and after the click', async ({ page, portal, machine, server }) => {
  await portal.signIn('acme-member');
  const n_images = await imagesLike(portal, '');
  const limit = (n: number) => server.admin('limit', 'set', '--account', 'Acme', '--region', 'north-1', '--images', String(n));
  await openDialog(page, machine);
  await limit(n_images);
  await create(page, 'one-too-many');
  const words = `Maximum image limit reached. Your limit in north-1 is ${n_images} image`;
  await expect(dialogOf(page)).toContainText(words);
  await page.goto(`/instances/${machine}/image`);
  await expect(dialogOf(page)).toContainText(words);
  await expect(dialogOf(page).getByRole('link', { name: 'Show my images' })).toBeVisible();
  await expect(dialogOf(page).getByRole('button', { name: 'Create image' })).toHaveCount(0);
  await server.admin('limit', 'reset', '--account', 'Acme', '--region', 'north-1');
  await openDialog(page, machine);
  expect(await imagesLike(portal, 'one-too-many')).toBe(0);
});

test('where the image feature is off, making one is refused and the rest stays usable', async ({ page, portal, machine, server }) => {
  await portal.signIn('acme-member');
  await openDialog(page, machine);
  await server.admin('region', 'set', 'north-1', '--images', 'off');
  try {
    await create(page, 'switched-off');
    await expect(dialogOf(page)).toContainText('Image feature is not enabled in north-1.');
    await page.goto('/images');
    await expect(page.getByText(/Image feature is not enabled in north-1\. Images that exist stay usable/)).toBeVisible();
    await expect(page.getByRole('link', { name: 'Create image' })).toHaveCount(0);
    await page.goto(`/instances/${machine}/image`);
    await expect(dialogOf(page)).toContainText('Image feature is not enabled in north-1.');
    await expect(dialogOf(page).getByRole('button', { name: 'Create image' })).toHaveCount(0);
  } finally {
    await server.admin('region', 'set', 'north-1', '--images', 'on');
  }
  expect(await imagesLike(portal, 'switched-off')).toBe(0);
});

test('pressing twice makes one image, and going back makes no second one', async ({ page, portal, machine }) => {
  await portal.signIn('acme-member');
  await openDialog(page, machine);
  const dialog = dialogOf(page);
  await dialog.getByLabel('Name', { exact: true }).fill('pressed-twice');
  await dialog.getByRole('button', { name: 'Create image' }).dblclick();
  // Without script the second press may be the one that is answered: it is refused, because the first one works.
  const refused = dialog.getByText(/while an image or a snapshot of it is being made|already have an image with this name/);
  await expect(portal.heading('My Images').or(refused).first()).toBeVisible();
  await page.goto('/images');
  await portal.imageBecomes('pressed-twice', 'Available');
  expect(await imagesLike(portal, 'pressed-twice')).toBe(1);

  await openDialog(page, machine);
  await create(page, 'gone-back');
  await expect(portal.row('gone-back')).toBeVisible();
  // Script takes the word that speaks once out of the address; going back before that would wait for this and not for the page.
  if (portal.script) await expect(page).toHaveURL(/\/images$/);
  await page.goBack();
  await expect(dialog).toBeVisible();
  await page.goForward();
  await expect(portal.heading('My Images')).toBeVisible();
  await page.goto('/images');
  await portal.imageBecomes('gone-back', 'Available');
  expect(await imagesLike(portal, 'gone-back')).toBe(1);
});

test('a wrong password is counted, and too many are followed by a pause', async ({ page, portal, server }) => {
  const { user, password } = server.signIn('operator');
  const attempt = async (typed: string) => {
    await page.getByLabel('E-mail address').fill(user);
    await page.getByLabel('Password').fill(typed);
    await page.getByRole('button', { name: 'Sign in' }).click();
  };
  await page.goto('/sign-in');
  for (const rest of [/2 more tries, then a pause of/, /1 more try, then a pause of/, /Wait .+ before the next try/]) {
    await attempt('not the password');
    await expect(page.getByRole('alert')).toContainText('E-mail address or password is wrong.');
    await expect(page.getByRole('alert')).toContainText(rest);
    await expect(page.getByLabel('E-mail address')).toHaveValue(user);
  }
  await attempt(password);
  await expect(page.getByRole('alert')).toContainText('Too many wrong tries for this address.');
  await expect(portal.heading('Sign in')).toBeVisible();
});

test('what belongs to another account does not exist', async ({ page, portal, machine }) => {
  await portal.signIn('globex-owner');
  for (const address of ['', '/image', '/delete', '/console'].map((end) => `/instances/${machine}${end}`)) {
    const answer = await page.goto(address);
    expect(answer?.status(), address).toBe(404);
    await expect(page.getByRole('heading', { name: 'Not found' }).first()).toBeVisible();
    await expect(page.getByText('base', { exact: true })).toHaveCount(0);
  }
  const log = await page.request.get(`/instances/${machine}/console.log`);
  expect(log.status()).toBe(404);
  await page.goto(`/audit?instance=${machine}`);
  await expect(page.getByText('No event matches')).toBeVisible();
  await expect(page.getByText('base', { exact: true })).toHaveCount(0);
});

test('who may only look is told so at every button', async ({ page, portal, machine }) => {
  await portal.signIn('acme-reader');
  await page.goto('/instances');
  await expect(portal.row('base')).toBeVisible();
  await expect(page.getByRole('link', { name: 'New instance' })).toHaveCount(0);
  await page.getByRole('link', { name: 'base', exact: true }).click();
  await expect(portal.heading('base')).toBeVisible();
  for (const action of ['Image', 'Console', 'Start']) {
    await portal.main.getByRole('button', { name: `${action} (not possible now)` }).click();
    await expect(portal.main.getByText('Your role does not allow this.').locator('visible=true')).toBeVisible();
    await page.keyboard.press('Escape');
  }
  for (const address of [`/instances/${machine}/image`, `/instances/${machine}/delete`]) {
    const answer = await page.goto(address);
    expect(answer?.status(), address).toBe(403);
  }
});
