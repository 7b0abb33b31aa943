// A song that its owner deletes, and brings back.
import { expect, invite, newProject, newTrack, open, test, USER_2, type Musician } from './band'

const songs = async (musician: Musician): Promise<string[]> =>
  (await (await musician.page.request.get('/api/projects')).json()).projects.map((project: { id: string }) => project.id)
const panelOf = async ({ page }: Musician) => {
  const panel = page.getByTestId('people-panel')
  if (!(await panel.isVisible())) await page.getByTestId('presence').click()
  await expect(panel).toBeVisible()
  return panel
}

test('an owner is asked before a song is deleted, all who have it open are told, and it is brought back with what they did meanwhile (PE7)', async ({ alice, bob }) => {
  const project = await newProject(alice, 'Gone and back')
  await invite(alice, project, USER_2)
  await newTrack(alice, project, 'Bass')
  await open(alice, project)
  await open(bob, project)
  await expect((await panelOf(bob)).getByTestId('delete-song')).toHaveCount(0)
  await bob.page.keyboard.press('Escape')

  const panel = await panelOf(alice)
  await panel.getByTestId('delete-song').click()
  await panel.getByRole('button', { name: 'Cancel' }).click()
  expect(await songs(bob)).toContain(project)
  await panel.getByTestId('delete-song').click()
  await panel.getByTestId('confirm-delete').click()
  await expect(bob.page.getByTestId('deleted')).toContainText('30 days')
  await expect(bob.page.getByTestId('bring-song-back')).toHaveCount(0)
  await expect.poll(() => songs(bob)).not.toContain(project)
  expect(await songs(alice)).not.toContain(project)
  await expect(panel.getByTestId('delete-song')).toHaveCount(0)

  // Who has it open goes on: nothing is lost, and all of it comes back with the song (PE7).
  await expect(bob.page.getByTestId('deleted')).toContainText('What you change meanwhile comes back with it')
  await bob.page.getByTestId('track').locator('.head-name').focus()
  await bob.page.keyboard.press('F2')
  await bob.page.keyboard.type('Low')
  await bob.page.keyboard.press('Enter')
  await expect(bob.page.getByTestId('sync-state')).toHaveText('Saved')

  // By its address it still opens.
  await open(alice, project)
  await alice.page.getByTestId('bring-song-back').click()
  for (const musician of [alice, bob]) await expect(musician.page.getByTestId('deleted')).toHaveCount(0)
  await expect.poll(() => songs(bob)).toContain(project)
  for (const musician of [alice, bob]) await expect(musician.page.getByTestId('track').locator('.head-name')).toHaveText('Low')
  expect([...alice.complaints, ...bob.complaints]).toEqual([])
})
