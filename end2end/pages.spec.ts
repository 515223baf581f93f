// What holds for every page and every dialog, with and without script: the right status, no inline style, nothing wider
// than the window. That no page writes to the browser's console is part of `test` itself.
import { fitsItsWindow } from './support/judge.ts';
import { expect } from './support/test.ts';
import { test } from './support/world.ts';

// A page that does not exist is answered with 404, which browsers report in their console.
test.use({ expectedErrors: [/the server responded with a status of 404/] });

test('every page has its status, a title and one heading, and no style of its own', async ({ world, browser, server }) => {
  test.setTimeout(120_000);
  for (const place of world.places) {
    await test.step(place.name, async () => {
      const context = await world.context(browser, place.person);
      const answer = await context.request.get(server.url + place.address);
      expect(answer.status()).toBe(place.status ?? 200);
      const html = await answer.text();
      expect(html.match(/<h1\b/g)?.length ?? 0, 'headings').toBe(1);
      expect(/<title>([^<]+)<\/title>/.exec(html)?.[1]).toMatch(/\S · darkroom$/);
      expect(html.match(/<[^>]*\sstyle=[^>]*>/g) ?? [], 'inline styles').toEqual([]);
      const policy = answer.headers()['content-security-policy'] ?? '';
      expect(policy).toContain("style-src 'self';");
      expect(policy).not.toContain('unsafe-inline');
      await context.close();
    });
  }
});

test('nothing is wider than its window, narrow and wide', async ({ world, browser, javaScriptEnabled }) => {
  test.skip(javaScriptEnabled !== false, 'pages.hydrate.spec.ts looks at this on its way');
  test.setTimeout(300_000);
  for (const person of new Set(world.places.map((place) => place.person))) {
    const context = await world.context(browser, person, { javaScriptEnabled });
    const page = await context.newPage();
    for (const place of world.places.filter((one) => one.person === person)) {
      await test.step(place.name, async () => {
        await page.goto(place.address);
        await expect(page.getByRole('heading', { name: place.dialog ?? /./ }).first()).toBeVisible();
        await fitsItsWindow(page);
      });
    }
    await context.close();
  }
});
