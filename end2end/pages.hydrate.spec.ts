// What holds for every page and every dialog. As the server writes it: the right status, no inline style; without scripts nothing is wider
// than the window; once its scripts run there is no finding of axe, light and dark, and the keyboard reaches everything. All of it is in
// one file, because what there is to look at takes long to make.
import type { Browser, BrowserContext, BrowserContextOptions, Page } from '@playwright/test';
import { findings, fitsItsWindow } from './support/judge.ts';
import { expect } from './support/test.ts';
import { test, type Place, type World } from './support/world.ts';

/** Opens a place and waits until its scripts run. */
async function open(page: Page, place: Place): Promise<void> {
  await page.goto(place.address);
  await expect(page.getByRole('heading', { name: place.dialog ?? /./ }).first()).toBeVisible();
  // Script makes a dialog modal, and the toast's place floating; both happen when the page has come alive.
  if (place.dialog) await expect(page.locator('dialog:modal')).toBeVisible();
}

/** The first press of Tab leads past the frame to the content, and shows where it is. */
async function skipsToTheContent(page: Page, place: Place): Promise<void> {
  await page.keyboard.press('Tab');
  const skip = page.getByRole('link', { name: 'Skip to content' });
  if ((await skip.count()) === 0) {
    // A page without a frame has nothing to skip.
    expect(place.person === 'nobody' || place.status === 404).toBe(true);
    return;
  }
  await expect(skip).toBeFocused();
  await expect(skip).toBeInViewport();
  expect(await skip.evaluate((link) => getComputedStyle(link).outlineStyle)).not.toBe('none');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('main')).toBeFocused();
}

/** The focus begins in the dialog and stays there; Escape leads out. */
async function staysInside(page: Page, place: Place): Promise<void> {
  const dialog = page.getByRole('dialog', { name: place.dialog! });
  await expect.poll(() => dialog.evaluate((element) => element.contains(document.activeElement))).toBe(true);
  // The page itself keeps where the focus goes: asking after each press would take longer than the press.
  const visited = await dialog.evaluateHandle((element) => {
    const seen = { inside: 0, outside: [] as string[] };
    document.addEventListener('focusin', ({ target }) => {
      if (element.contains(target as Element)) seen.inside += 1;
      else seen.outside.push((target as Element).outerHTML.slice(0, 200));
    });
    return seen;
  });
  for (let presses = 0; presses < 12; presses += 1) await page.keyboard.press('Tab');
  const { inside, outside } = await visited.jsonValue();
  expect(outside, 'what had the focus outside the dialog').toEqual([]);
  expect(inside, 'elements that Tab led to').toBeGreaterThan(0);
  await page.keyboard.press('Escape');
  await expect(dialog).toHaveCount(0);
  await expect(page).not.toHaveURL(new RegExp(`${place.address}$`));
}

// A page that does not exist is answered with 404, which browsers report in their console.
const expected = /the server responded with a status of 404/;
test.use({ expectedErrors: [expected] });

/** Every place, each with a browser of the one who looks at it. */
async function everywhere(
  { world, browser }: { world: World; browser: Browser },
  options: BrowserContextOptions,
  look: (context: BrowserContext, page: Page, places: Place[]) => Promise<void>,
): Promise<void> {
  for (const person of new Set(world.places.map((place) => place.person))) {
    const context = await world.context(browser, person, options);
    await look(context, await context.newPage(), world.places.filter((place) => place.person === person));
    await context.close();
  }
}

test('every page has its status, a title and one heading, and no style of its own', async ({ world, browser, server }) => {
  await everywhere({ world, browser }, {}, async (context, _, places) => {
    for (const place of places) {
      await test.step(place.name, async () => {
        const answer = await context.request.get(server.url + place.address);
        expect(answer.status()).toBe(place.status ?? 200);
        const html = await answer.text();
        expect(html.match(/<h1\b/g)?.length ?? 0, 'headings').toBe(1);
        expect(/<title>([^<]+)<\/title>/.exec(html)?.[1]).toMatch(/\S · darkroom$/);
        expect(html.match(/<[^>]*\sstyle=[^>]*>/g) ?? [], 'inline styles').toEqual([]);
        const policy = answer.headers()['content-security-policy'] ?? '';
        expect(policy).toContain("style-src 'self';");
        expect(policy).not.toContain('unsafe-inline');
      });
    }
  });
});

test('without scripts nothing is wider than its window, narrow and wide', async ({ world, browser }) => {
  test.setTimeout(300_000);
  await everywhere({ world, browser }, { javaScriptEnabled: false }, async (_, page, places) => {
    for (const place of places) {
      await test.step(place.name, async () => {
        await page.goto(place.address);
        await expect(page.getByRole('heading', { name: place.dialog ?? /./ }).first()).toBeVisible();
        await fitsItsWindow(page);
      });
    }
  });
});

test('on every page axe finds nothing in light and in dark, it fits, the keyboard is led, and the console stays empty', async ({ world, browser }) => {
  test.setTimeout(600_000);
  // Without motion: a colour on its way from light to dark is neither.
  await everywhere({ world, browser }, { colorScheme: 'light', reducedMotion: 'reduce' }, async (context, page, places) => {
    const messages: string[] = [];
    context.on('console', (message) => {
      if (['error', 'warning'].includes(message.type()) && !expected.test(message.text())) messages.push(message.text());
    });
    context.on('weberror', (error) => messages.push(String(error.error())));
    for (const place of places) {
      await test.step(place.name, async () => {
        await page.emulateMedia({ colorScheme: 'light' });
        await open(page, place);
        expect.soft(await findings(page), place.name).toEqual([]);
        // Colours are all that dark pages have of their own.
        await page.emulateMedia({ colorScheme: 'dark' });
        expect.soft(await findings(page, 'colours'), `${place.name}, dark`).toEqual([]);
        await fitsItsWindow(page);
        await (place.dialog ? staysInside(page, place) : skipsToTheContent(page, place));
        expect.soft(messages.splice(0), place.name).toEqual([]);
      });
    }
  });
});

test('axe finds nothing on the console page, in open menus and in explanations', async ({ world, browser }) => {
  const context = await world.context(browser, 'owner');
  const page = await context.newPage();
  await page.goto(`/instances/${world.machine}/console`);
  await expect(page.getByText('Connected', { exact: true })).toBeVisible();
  expect.soft(await findings(page), 'console').toEqual([]);
  await page.goto('/images');
  await page.getByRole('button', { name: 'More actions for web-1-golden' }).click();
  expect.soft(await findings(page), 'menu of a row').toEqual([]);
  await page.keyboard.press('Escape');
  for (const menu of [/: switch$/, 'Your account', 'Filter']) {
    await page.getByRole('button', { name: menu }).click();
    expect.soft(await findings(page), String(menu)).toEqual([]);
    await page.keyboard.press('Escape');
  }
  await context.close();
  const reader = await world.context(browser, 'reader', { viewport: { width: 360, height: 800 } });
  const narrow = await reader.newPage();
  await narrow.goto(`/instances/${world.machine}`);
  await narrow.getByRole('button', { name: 'Image (not possible now)' }).click();
  expect.soft(await findings(narrow), 'explanation').toEqual([]);
  await narrow.keyboard.press('Escape');
  await narrow.getByRole('button', { name: 'Menu', exact: true }).click();
  await expect(narrow.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Tasks' })).toBeVisible();
  expect.soft(await findings(narrow), 'drawer').toEqual([]);
  await reader.close();
});

test('the keyboard follows the entries of the sidebar, and the one of the page is marked', async ({ world, browser }) => {
  const context = await world.context(browser, 'owner');
  const page = await context.newPage();
  await page.goto('/');
  const main = page.getByRole('navigation', { name: 'Main' });
  for (const [link, heading] of [['Instances', 'Instances'], ['My Images', 'My Images'], ['Tasks', 'Tasks'], ['Audit', 'Audit'], ['Account', 'Account']] as const) {
    const entry = main.getByRole('link', { name: new RegExp(`^${link}`) });
    await entry.focus();
    await page.keyboard.press('Enter');
    await expect(page.getByRole('heading', { level: 1, name: heading })).toBeVisible();
    await expect(entry).toHaveAttribute('aria-current', 'page');
  }
  await context.close();
});
