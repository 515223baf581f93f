// Pictures of the real portal. `DARKROOM_SCREENSHOTS=1` writes those of the documentation; `DARKROOM_SHOTS=all` writes
// every page, light and dark, wide and narrow, for reviews. An ordinary run writes none, so that it changes no file.
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Page } from '@playwright/test';
import { Portal } from './support/portal.ts';
import { expect } from './support/test.ts';
import { test } from './support/world.ts';

const docs = resolve(import.meta.dirname, '../docs/screenshots');
const review = resolve(import.meta.dirname, 'out/shots');

test.use({ serverOptions: { unreliableTool: true } });

async function shoot(page: Page, folder: string, name: string, fullPage: boolean): Promise<void> {
  await mkdir(folder, { recursive: true });
  // A caret that blinks and a transition that runs make equal pages differ.
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage, animations: 'disabled', caret: 'hide' });
}

// Skipped where they stand and not in their bodies: nothing is started for what nobody asked for.
const documentation = process.env.DARKROOM_SCREENSHOTS === '1' ? test : test.skip;
const part = process.env.DARKROOM_SHOTS ?? '';
const everything = part ? test : test.skip;

documentation('pictures for the documentation', async ({ world, browser, server }) => {
  test.setTimeout(240_000);
  const context = await world.context(browser, 'owner', { colorScheme: 'light' });
  const page = await context.newPage();
  const portal = new Portal(page, server, true);
  await portal.deploy({ name: 'build-runner' });
  await portal.deploy({ name: 'staging-api', image: 'web-1-golden', tab: 'My Images' });
  const staging = portal.id();
  await page.goto('/instances?q=build-runner');
  await page.getByRole('link', { name: 'build-runner', exact: true }).click();
  const runner = (await expect(page).toHaveURL(/\/instances\/[0-9a-f-]{36}$/), portal.id());
  await server.tool('full');
  await portal.capture(runner, 'build-runner-2026-11');
  await portal.imageBecomes('build-runner-2026-11', 'Error');
  await server.tool('slow');
  await portal.capture(staging, 'staging-api-snapshot');
  await expect(portal.row('staging-api-snapshot').getByRole('cell').filter({ hasText: /^Creating \d+ %/ })).toBeVisible();
  await page.goto('/images');
  await expect(portal.row('staging-api-snapshot').getByRole('cell').filter({ hasText: /^Creating \d+ %/ })).toBeVisible();
  await shoot(page, docs, 'my-images', false);
  await page.goto('/tasks');
  await expect(portal.heading('Tasks')).toBeVisible();
  await shoot(page, docs, 'tasks', false);
  await page.goto('/images');
  await portal.imageBecomes('staging-api-snapshot', 'Available');
  await server.tool('well');

  const narrow = ['overview', 'my-images', 'instance', 'create-image'];
  const wanted = ['sign-in', 'overview', 'instances', 'new-instance', 'instance', 'create-image', 'image', 'delete-image', 'audit', 'account'];
  for (const place of world.places.filter((one) => wanted.includes(one.name))) {
    await test.step(place.name, async () => {
      const own = await world.context(browser, place.person, { colorScheme: 'light' });
      const shown = await own.newPage();
      await shown.goto(place.address);
      await settle(shown, place.dialog);
      await shoot(shown, docs, place.name, false);
      await own.close();
    });
  }
  for (const place of world.places.filter((one) => narrow.includes(one.name))) {
    await test.step(`${place.name}, narrow and dark`, async () => {
      const own = await world.context(browser, place.person, { colorScheme: 'dark', viewport: { width: 360, height: 780 } });
      const shown = await own.newPage();
      await shown.goto(place.address);
      await settle(shown, place.dialog);
      await shoot(shown, docs, `${place.name}-narrow-dark`, false);
      await own.close();
    });
  }
  const terminal = await portal.console(world.machine);
  await terminal.run('uname -a; df -h /; cat /etc/os-release');
  await shoot(page, docs, 'console', false);
  await context.close();
});

// `all`, or parts of the names that are wanted, with commas.
everything('pictures of everything for a review', async ({ world, browser }) => {
  const wanted = world.places.filter((one) => part === 'all' || part.split(',').some((word) => one.name.includes(word)));
  test.setTimeout(600_000);
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [1280, 360]) {
      for (const place of wanted) {
        const context = await world.context(browser, place.person, { colorScheme, viewport: { width, height: 800 } });
        const page = await context.newPage();
        await page.goto(place.address);
        await settle(page, place.dialog);
        await shoot(page, review, `${place.name}-${width}-${colorScheme}`, !place.dialog);
        await context.close();
      }
    }
  }
});

/** Waits until the page has come alive and looks as it will. */
async function settle(page: Page, dialog: string | undefined): Promise<void> {
  await expect(page.getByRole('heading', { name: dialog ?? /./ }).first()).toBeVisible();
  if (dialog) await expect(page.locator('dialog:modal')).toBeVisible();
  await page.waitForLoadState('networkidle');
}
