// The ways of the sound in the mixer: buses, groups, outputs, sends, what an effect listens to, what is heard in solo.
import type { Page } from '@playwright/test'
import { expect, invite, newProject, newTrack, open, read, test, USER_2 } from './band'

const strip = (page: Page, name: string) => page.getByRole('group', { name, exact: true })

/** The words of a list of choices. */
const choices = (page: Page, label: string) => page.getByLabel(label, { exact: true }).locator('option').allTextContents()

test('EN31 buses and groups are made, fed and left in the mixer, and everybody sees it', async ({ alice, bob }) => {
  const project = await newProject(alice, 'Routing')
  await invite(alice, project, USER_2)
  const drums = await newTrack(alice, project, 'Drums')
  await open(alice, project)
  await open(bob, project)

  await alice.page.getByTestId('add-bus').click()
  await expect(strip(bob.page, 'Bus 1')).toHaveAttribute('data-kind', 'Bus')

  // A group is made by choosing it: the track and its new output are one step.
  await strip(alice.page, 'Drums').getByTestId('output').selectOption('New group…')
  await expect(strip(bob.page, 'Group 1')).toHaveAttribute('data-kind', 'Group')
  await expect(strip(bob.page, 'Drums').getByTestId('output').locator('option:checked')).toHaveText('Group 1')
  await alice.page.keyboard.press('Control+z')
  await expect(strip(bob.page, 'Group 1')).toHaveCount(0)
  await alice.page.keyboard.press('Control+Shift+Z')
  await expect(strip(bob.page, 'Drums').getByTestId('output').locator('option:checked')).toHaveText('Group 1')

  // What would close a circle is not offered.
  await strip(alice.page, 'Group 1').getByTestId('output').selectOption('Bus 1')
  await expect(strip(bob.page, 'Group 1').getByTestId('output').locator('option:checked')).toHaveText('Bus 1')
  await expect.poll(() => choices(alice.page, 'Output of Bus 1')).toEqual(['Master', 'New group…'])
  await strip(alice.page, 'Group 1').getByTestId('output').selectOption('Master')

  await strip(alice.page, 'Drums').getByTestId('rack-button').click()
  const rack = alice.page.getByTestId('rack')
  await rack.getByTestId('add-send').selectOption('Bus 1')
  const gain = rack.getByTestId('send-gain')
  await expect(gain).toHaveAttribute('aria-valuetext', '−6.0 decibels')
  expect(await choices(alice.page, 'Add a send to Drums')).toEqual(['To…', 'Group 1', 'New bus…'])

  await strip(bob.page, 'Drums').getByTestId('rack-button').click()
  const theirs = bob.page.getByTestId('rack').getByTestId('send-gain')
  await gain.press('End')
  await expect(theirs).toHaveAttribute('aria-valuetext', '+6.0 decibels')
  await gain.press('0')
  await expect(theirs).toHaveAttribute('aria-valuetext', '0.0 decibels')
  await rack.getByRole('textbox', { name: 'Send to Bus 1, in decibels' }).fill('-12')
  await alice.page.keyboard.press('Enter')
  await expect(theirs).toHaveAttribute('aria-valuetext', '−12.0 decibels')

  // A turn of the wheel is one edit, however many notches it has.
  await gain.focus()
  const box = (await gain.boundingBox())!
  await alice.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2)
  for (let notch = 0; notch < 5; notch++) await alice.page.mouse.wheel(0, -100)
  await expect(theirs).not.toHaveAttribute('aria-valuetext', '−12.0 decibels')
  // Others see it while it turns; it can be taken back once it is written.
  await expect.poll(async () => (await read(alice, 'tracks', drums))?.sends?.[0]?.gain).toBeGreaterThan(0.3)
  await alice.page.keyboard.press('Control+z')
  await expect(theirs).toHaveAttribute('aria-valuetext', '−12.0 decibels')

  await rack.getByTestId('send-pre').click()
  await expect(bob.page.getByTestId('send-pre')).toHaveText('Pre')
  await expect.poll(async () => (await read(alice, 'tracks', drums))?.sends?.[0]?.pre).toBe(true)
  await rack.getByRole('button', { name: 'Remove the send to Bus 1' }).click()
  await expect(theirs).toHaveCount(0)
  await alice.page.getByRole('button', { name: 'Bring back' }).click()
  await expect(theirs).toHaveAttribute('aria-valuetext', '−12.0 decibels')
  expect([...alice.complaints, ...bob.complaints]).toEqual([])
})

test('EN31 what is on the way of a soloed track is solo-safe, and what is not is dimmed', async ({ alice }) => {
  const project = await newProject(alice, 'Solo')
  const group = await newTrack(alice, project, 'Band', { type: 'group' })
  await newTrack(alice, project, 'Keys', { output: group })
  await newTrack(alice, project, 'Voice')
  await open(alice, project)
  await strip(alice.page, 'Keys').getByTestId('solo').click()
  await expect(strip(alice.page, 'Band').getByTestId('solo-safe')).toBeVisible()
  await expect(strip(alice.page, 'Band')).not.toHaveClass(/is-silent/)
  await expect(strip(alice.page, 'Voice')).toHaveClass(/is-silent/)
  await strip(alice.page, 'Keys').getByTestId('solo').click()
  await expect(alice.page.getByTestId('solo-safe')).toHaveCount(0)
})

test('EN31 a compressor listens to another track, and is offered none that hears its own', async ({ alice }) => {
  const project = await newProject(alice, 'Sidechain')
  const bus = await newTrack(alice, project, 'Echo', { type: 'bus' })
  const pad = await newTrack(alice, project, 'Pad', { output: bus })
  const kick = await newTrack(alice, project, 'Kick')
  await open(alice, project)
  await strip(alice.page, 'Pad').getByTestId('rack-button').click()
  await alice.page.getByTestId('rack').getByTestId('add-effect').selectOption('compressor')
  const listens = alice.page.getByTestId('sidechain')
  await expect(listens.locator('option')).toHaveText(['Its own track', 'Kick'])
  await listens.selectOption('Kick')
  await expect.poll(async () => (await read(alice, 'tracks', pad))?.plugins?.[0]?.sidechain).toBe(kick)
  await listens.selectOption('Its own track')
  await expect.poll(async () => (await read(alice, 'tracks', pad))?.plugins?.[0]?.sidechain ?? null).toBe(null)
})
