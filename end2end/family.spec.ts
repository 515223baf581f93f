// Sharing a family, as both sides meet it, with and without script: it is accepted once, new versions come by themselves, until that ends.
import { expect, test } from './support/test.ts';

// What is refused is answered with a status that browsers report in their console.
test.use({ expectedErrors: [/the server responded with a status of (404|409|422)/] });

test('new versions of a family reach who accepted it, until they are no longer passed on', async ({ page, portal, browser }) => {
  test.setTimeout(120_000);
  await portal.signIn('acme-owner');
  await portal.work({ project: 'acme-prod', region: 'north-1' });
  const friend = await portal.another(browser, 'globex-owner');
  const id = await friend.projectId('globex-prod');
  await friend.work({ region: 'north-1' });
  const received = (name: string) => friend.main.getByRole('row').filter({ hasText: name });

  await test.step('the family is shared with its newest image, and accepted once', async () => {
    await portal.copyPublic('base-1', { family: 'base' });
    await portal.main.getByRole('link', { name: 'Share', exact: true }).click();
    const dialog = page.getByRole('dialog', { name: 'Share base-1' });
    await dialog.getByLabel('Project IDs, one per line').fill(id);
    await dialog.getByLabel('Share new versions of base as well, as they are made').check();
    await dialog.getByLabel(/^I know these projects/).check();
    await dialog.getByRole('button', { name: 'Share', exact: true }).click();
    const followers = page.getByRole('region', { name: 'New versions of base' });
    await expect(followers.getByRole('row').filter({ hasText: id })).toContainText('Is asked for each');
    await friend.page.goto('/images/shared');
    await received('base-1').getByRole('button', { name: /^Accept/ }).click();
    await expect(received('base-1')).toContainText('New versions of base come by themselves');
    await page.reload();
    await expect(followers.getByRole('row').filter({ hasText: id })).toContainText('Gets them at once');
  });

  await test.step('a new version is there without asking, and is deployed', async () => {
    await portal.copyPublic('base-2', { family: 'base' });
    await friend.page.goto('/images/shared');
    await expect(received('base-2')).toContainText('Accepted');
    await received('base-2').getByRole('link', { name: 'Deploy' }).click();
    await expect(friend.page.getByRole('radio', { name: 'base-2', exact: true })).toBeChecked();
    // An image outside the family goes nowhere.
    await portal.copyPublic('apart', {});
    await friend.page.goto('/images/shared');
    await expect(received('apart')).toHaveCount(0);
  });

  await test.step('what is no longer passed on does not come, and what is there stays', async () => {
    await page.goto('/images');
    await page.getByRole('link', { name: 'base-2', exact: true }).click();
    await portal.main.getByRole('link', { name: /^Sharing/ }).click();
    await page.getByRole('button', { name: /^Stop passing on/ }).click();
    await expect(page.getByText('New versions no longer reach that project. What it has stays.')).toBeVisible();
    await portal.copyPublic('base-3', { family: 'base' });
    await friend.page.goto('/images/shared');
    await expect(received('base-2')).toContainText('Accepted');
    await expect(received('base-3')).toHaveCount(0);
  });
  await friend.page.context().close();
});
