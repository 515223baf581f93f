// Sharing between two accounts, as both sides meet it, with and without script: by project id, decided by the recipient,
// used for a real machine, stopped with time and at once.
import { IMAGE_S } from './support/portal.ts';
import { expect, test } from './support/test.ts';

// What is refused and what is hidden is answered with a status that browsers report in their console.
test.use({ expectedErrors: [/the server responded with a status of (404|409|422)/] });

test('an image is shared with another account, accepted, deployed, and taken back', async ({ page, portal, browser }) => {
  test.setTimeout(240_000);
  await portal.signIn('acme-owner');
  const machine = await portal.deploy({ name: 'origin' });
  await portal.capture(machine, 'golden');
  await portal.imageBecomes('golden', 'Available', IMAGE_S);
  const friend = await portal.another(browser, 'globex-owner');
  const id = await friend.projectId('globex-prod');

  /** The line of the recipient in the list of the image's shares. */
  const offer = portal.main.getByRole('row').filter({ hasText: id });
  /** The line of the image in the recipient's list. */
  const received = friend.main.getByRole('row').filter({ hasText: 'golden' });

  await test.step('a wrong line shares nothing and is named', async () => {
    await page.getByRole('link', { name: 'golden', exact: true }).click();
    await portal.comes(portal.heading('golden'));
    await portal.main.getByRole('link', { name: 'Share', exact: true }).click();
    const dialog = page.getByRole('dialog', { name: 'Share golden' });
    await dialog.getByLabel('Project IDs, one per line').fill(`${id}\nglobex`);
    await dialog.getByRole('button', { name: 'Check', exact: true }).click();
    await expect(dialog.getByRole('listitem').filter({ hasText: id })).toContainText('Will be asked to accept');
    await expect(dialog.getByRole('listitem').filter({ hasText: 'globex' })).toContainText('Not an id');
    await dialog.getByLabel(/^I know these projects/).check();
    await dialog.getByRole('button', { name: 'Share', exact: true }).click();
    await expect(dialog.getByText('1 of 2 lines needs a change. Nothing has been shared yet.')).toBeVisible();
    await expect(dialog.getByLabel('Project IDs, one per line')).toHaveValue(`${id}\nglobex`);
    await dialog.getByLabel('Project IDs, one per line').fill(id);
    await dialog.getByRole('button', { name: 'Share', exact: true }).click();
    await expect(page.getByText('The projects are asked. They use it once they accept.')).toBeVisible();
    await expect(offer).toContainText('Waiting');
  });

  const image = portal.id();
  await test.step('the recipient is told, and has nothing before accepting', async () => {
    await friend.page.goto('/');
    await expect(friend.page.getByRole('navigation', { name: 'Main' }).getByText('1 new')).toBeVisible();
    const answer = await friend.page.goto(`/images/${image}`);
    expect(answer?.status()).toBe(404);
    await friend.page.goto('/images');
    await friend.page.getByRole('navigation', { name: 'Images' }).getByRole('link', { name: /^Shared with me/ }).click();
    await expect(friend.heading('Shared with me')).toBeVisible();
    await expect(friend.main.getByText('Nobody has checked these images.')).toBeVisible();
    await received.getByRole('button', { name: /^Reject/ }).click();
    await expect(received).toContainText('Rejected');
    await received.getByRole('button', { name: /^Accept after all/ }).click();
    await expect(received).toContainText('Accepted');
    await expect(friend.page.getByRole('navigation', { name: 'Main' }).getByText('new')).toHaveCount(0);
  });

  let theirs = '';
  await test.step('the recipient makes a machine of it and cannot pass it on', async () => {
    await friend.main.getByRole('link', { name: 'golden', exact: true }).click();
    await expect(friend.main.getByText(/acme-prod shares this image with you since/)).toBeVisible();
    for (const name of ['Share', 'Edit', 'Delete']) {
      await expect(friend.main.getByRole('link', { name, exact: true })).toHaveCount(0);
    }
    theirs = await friend.deploy({ name: 'derived', tab: 'Shared with me', image: 'golden' });
    await page.reload();
    await expect(offer).toContainText('Accepted');
  });

  await test.step('a shared image is not deleted, and sharing ends with time to spare', async () => {
    await page.goto(`/images/${image}/delete`);
    const deletion = page.getByRole('dialog', { name: 'Delete golden?' });
    await expect(deletion).toContainText('Shared with 1 project that accepted');
    await deletion.getByLabel('Stop sharing with 1 project').check();
    await deletion.getByRole('button', { name: 'Unshare all and delete' }).click();
    await expect(portal.main.getByText(/^It will be deleted when .* is over\. Who has it is told\.$/)).toBeVisible();
    await friend.page.goto('/images/shared');
    await expect(received).toContainText('Ends on');
    await portal.main.getByRole('button', { name: 'Keep it' }).click();
    await expect(page.getByText('It stays, and so does its sharing.')).toBeVisible();
    await friend.page.reload();
    await expect(received).toContainText('Accepted');
    await page.goto(`/images/${image}/sharing`);
    await offer.getByRole('link', { name: /^Stop sharing/ }).click();
    const dialog = page.getByRole('dialog', { name: /^Stop sharing with / });
    await expect(dialog.getByText('Machines they made from it keep running')).toBeVisible();
    await dialog.getByLabel('Last day').fill('2001-01-01');
    await dialog.getByRole('button', { name: 'Stop sharing' }).click();
    await expect(dialog.getByText('This day is over. Choose today or a later day.')).toBeVisible();
    const later = new Date(Date.now() + 3 * 86_400_000).toISOString().slice(0, 10);
    await dialog.getByLabel('Last day').fill(later);
    await dialog.getByRole('button', { name: 'Stop sharing' }).click();
    await expect(offer).toContainText('Ends on');
    await friend.page.goto('/images/shared');
    await expect(received).toContainText('Ends on');
    await expect(received.getByRole('link', { name: 'Deploy' })).toBeVisible();
    await friend.page.goto(`/images/${image}/copy`);
    const save = friend.page.getByRole('dialog', { name: 'Save as my own' });
    await expect(save.getByText(/A shared image can be copied inside its region only/)).toBeVisible();
    // Deprecating it takes nothing back that was promised.
    await page.goto(`/images/${image}`);
    await portal.main.getByRole('link', { name: 'Deprecate', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await expect(page.getByText('Saved. Machines made from it are not touched.')).toBeVisible();
    await friend.page.goto(`/images/${image}`);
    await expect(friend.main.getByText(/^Deprecated\. It can still be deployed, and saved as your own until it ends\./)).toBeVisible();
    await expect(friend.main.getByRole('link', { name: 'Save as my own' })).toBeVisible();
    // Who was told saves it with one click.
    await friend.page.goto('/');
    await expect(friend.main.getByText(/^1 image that you use is shared with you only until/)).toBeVisible();
    await friend.main.getByRole('link', { name: 'Shared with me' }).click();
    await expect(received).toContainText('Ends on');
    await received.getByRole('button', { name: /^Save as my own/ }).click();
    await expect(friend.page.getByText('The copy is its own image now, with an id of its own.')).toBeVisible();
    await expect(friend.heading('golden')).toBeVisible();
    await expect(friend.main.getByText('Available', { exact: true })).toBeVisible();
    // It is as deprecated as what it was saved from, until its new owner says otherwise.
    await friend.main.getByRole('link', { name: 'Restore', exact: true }).click();
    await friend.page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await expect(friend.page.getByText('Saved. Machines made from it are not touched.')).toBeVisible();
    await expect(friend.main.getByText(/^Deprecated/)).toHaveCount(0);
    await page.goto(`/images/${image}/sharing`);
  });

  await test.step('taken back at once, it is gone for the recipient, and the machine runs on', async () => {
    await offer.getByRole('link', { name: /^Stop sharing/ }).click();
    const dialog = page.getByRole('dialog', { name: /^Stop sharing with / });
    await dialog.getByLabel('At once').check();
    await dialog.getByRole('button', { name: 'Stop sharing' }).click();
    await expect(page.getByText('Not shared with anybody')).toBeVisible();
    const answer = await friend.page.goto(`/images/${image}`);
    expect(answer?.status()).toBe(404);
    await friend.page.goto('/images');
    await expect(friend.row('golden')).toContainText('Available');
    await friend.page.goto(`/instances/${theirs}`);
    await friend.becomes('Running');
    await page.goto(`/images/${image}/delete`);
    await page.getByRole('dialog').getByRole('button', { name: 'Delete image' }).click();
    await expect(portal.heading('My Images')).toBeVisible();
    await portal.goes(portal.row('golden'), IMAGE_S);
  });
  await friend.page.context().close();
});
