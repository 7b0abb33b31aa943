// Escape in a field, wherever it is: what it closes goes while the field has the focus, and nothing of the page breaks.
import type { Locator, Page } from '@playwright/test'
import { expect, newClip, newId, newProject, newTrack, open, test, write } from './band'
import { clipOf } from './duet'

/** Types a value, keeps it, and presses Escape with the focus still in the field. */
async function typeAndLeave(page: Page, field: Locator, value: string) {
  await field.fill(value)
  await field.press('Enter')
  await expect(field).toBeFocused()
  await page.keyboard.press('Escape')
}

test('Escape in any field of numbers or names breaks nothing, whether something was typed or not', async ({ alice, bob }) => {
  const { page } = alice
  const project = await newProject(alice, 'Escape')
  const track = await newTrack(alice, project, 'Pluck')
  const other = await newTrack(alice, project, 'Bass')
  const clip = await newClip(alice, track, 'Riff', { startBeat: 0 })
  const lane = newId()
  const points = [{ id: 'a', beat: 4, value: 1, curve: 'linear' }]
  await write(alice, [{ type: 'set', table: 'automation', id: lane, key: '', value: { id: lane, trackId: track, parameter: 'volume', points } }])
  await open(alice, project)
  const rack = page.getByTestId('rack')
  const strip = page.getByTestId('strip').filter({ hasText: 'Pluck' })

  // An effect's number, a send's, an effect's of the master.
  await strip.getByTestId('rack-button').click()
  await rack.getByTestId('add-effect').selectOption('gate')
  await typeAndLeave(page, rack.getByTestId('device').getByRole('textbox').first(), '-20')
  await expect(rack).toHaveCount(0)
  await strip.getByTestId('rack-button').click()
  await rack.getByTestId('add-send').selectOption('New bus…')
  await rack.getByTestId('send').getByRole('textbox').focus()
  await page.keyboard.press('Escape')
  await expect(rack).toHaveCount(0)
  await page.getByTestId('master-strip').getByTestId('rack-button').click()
  await rack.getByTestId('add-effect').selectOption('limiter')
  await rack.getByTestId('device').getByRole('textbox').first().focus()
  await page.keyboard.press('Escape')
  await expect(rack).toHaveCount(0)

  // The clip's panel: typed, and only come to.
  const panel = page.getByTestId('clip-panel')
  for (const value of ['1', undefined]) {
    await clipOf(page, clip).focus()
    await page.keyboard.press('e')
    const field = panel.getByRole('textbox', { name: 'Fade in, in beats' })
    if (value) await typeAndLeave(page, field, value)
    else await field.press('Escape')
    await expect(panel).toHaveCount(0)
  }

  // Tempo, the song's name, a track's name, the value of a point.
  await typeAndLeave(page, page.getByLabel('Tempo in beats per minute'), '93')
  await page.getByLabel('Project name').fill('Another')
  await page.keyboard.press('Escape')
  const head = page.getByTestId('track').filter({ hasText: 'Pluck' })
  await head.getByRole('button', { name: 'Pluck', exact: true }).dblclick()
  await page.getByLabel('Track name').fill('Pizzicato')
  await page.keyboard.press('Escape')
  await head.getByTestId('automation').click()
  await page.getByTestId('point').focus()
  const value = page.getByTestId('automation-head').getByRole('textbox')
  await typeAndLeave(page, value, '-6')

  // People and versions.
  await page.getByTestId('presence').click()
  await page.getByLabel('E-mail address').fill('somebody')
  await page.keyboard.press('Escape')
  await expect(page.getByTestId('people-panel')).toHaveCount(0)
  await page.keyboard.press('h')
  await page.getByTestId('version-name').fill('Here')
  await page.keyboard.press('Enter')
  await page.getByTestId('rename-version').click()
  await page.getByLabel('New name of the version').fill('There')
  await page.keyboard.press('Escape')
  await expect(page.getByTestId('version')).toContainText('Here')
  await page.keyboard.press('h')

  // Somebody else takes away what one types in: its rack, and its name.
  await page.getByTestId('strip').filter({ hasText: 'Bass' }).getByTestId('rack-button').click()
  await rack.getByTestId('add-effect').selectOption('gate')
  await rack.getByTestId('device').getByRole('textbox').first().fill('-30')
  await write(alice, [{ type: 'set', table: 'tracks', id: other, key: 'deleted', value: new Date().toISOString() }])
  await expect(rack).toHaveCount(0)
  await head.getByRole('button', { name: 'Pluck', exact: true }).dblclick()
  await page.getByLabel('Track name').fill('Gone')
  await write(alice, [{ type: 'set', table: 'tracks', id: track, key: 'deleted', value: new Date().toISOString() }])
  await expect(page.getByLabel('Track name')).toHaveCount(0)
  // And going back to where one is, with the focus in the song's name.
  await page.getByLabel('Project name').focus()
  await page.evaluate(() => history.pushState(null, '', location.href))
  await page.goBack()
  await expect(page.getByLabel('Project name')).toHaveValue('Escape')
  expect([...alice.complaints, ...bob.complaints]).toEqual([])
})

test('leaving the studio with the focus in the song’s name breaks nothing', async ({ alice }) => {
  const { page } = alice
  const project = await newProject(alice, 'Left while named')
  await page.goto('/projects')
  const card = page.locator(`a[href="/projects/${project}"]`)
  for (const typed of [undefined, 'Half a na']) {
    await card.click()
    const name = page.getByLabel('Project name')
    await expect(page.getByTestId('sync-state')).toHaveText('Saved')
    await name.focus()
    if (typed) await name.fill(typed)
    await expect(name).toBeFocused()
    // Back by the browser: no press elsewhere takes the focus before the page goes, and none is loaded.
    await page.evaluate(() => history.back())
    await expect(page).toHaveURL(/\/projects$/)
    await expect(name).toHaveCount(0)
    await expect(card).toBeVisible()
  }
  // The page still lives: a panic would have stopped it.
  await card.click()
  await expect(page.getByTestId('sync-state')).toHaveText('Saved')
  expect(alice.complaints).toEqual([])
})
