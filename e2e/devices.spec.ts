// Effects on the screen: added, turned, ordered, passed by and taken out, by hand and by keys, heard here and seen by the others.
import { expect, newProject, invite, newTrack, open, test, USER_2 } from './band'

test('EN31 effects are added, turned, ordered, passed by and removed, and everybody sees it', async ({ alice, bob }) => {
  const project = await newProject(alice, 'Effects')
  await invite(alice, project, USER_2)
  await newTrack(alice, project, 'Bass')
  await open(alice, project)
  await open(bob, project)

  const strip = alice.page.getByTestId('strip').filter({ hasText: 'Bass' })
  await strip.getByTestId('rack-button').click()
  const rack = alice.page.getByTestId('rack')
  await expect(rack).toContainText('No effects yet')
  await rack.getByTestId('add-effect').selectOption('filter')
  await rack.getByTestId('add-effect').selectOption('delay')
  const devices = rack.getByTestId('device')
  await expect(devices).toHaveCount(2)

  await bob.page.getByTestId('strip').filter({ hasText: 'Bass' }).getByTestId('rack-button').click()
  const theirs = bob.page.getByTestId('rack').getByTestId('device')
  await expect(theirs).toHaveCount(2)
  await expect(theirs.nth(0)).toHaveAttribute('data-device', 'filter')

  // Keys: the end of the way is the largest value.
  const knob = devices.nth(0).getByTestId('knob').first()
  await knob.focus()
  await knob.press('End')
  const largest = await knob.getAttribute('aria-valuetext')
  await expect(theirs.nth(0).getByTestId('knob').first()).toHaveAttribute('aria-valuetext', largest!)
  await alice.page.keyboard.press('Control+z')
  await expect(theirs.nth(0).getByTestId('knob').first()).not.toHaveAttribute('aria-valuetext', largest!)

  // A drag is one edit, when it is let go.
  const box = (await knob.boundingBox())!
  await alice.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2)
  await alice.page.mouse.down()
  await alice.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2 - 400, { steps: 8 })
  await expect(knob).toHaveAttribute('aria-valuetext', largest!)
  await alice.page.mouse.up()
  await expect(theirs.nth(0).getByTestId('knob').first()).toHaveAttribute('aria-valuetext', largest!)

  // Typed, with a unit.
  const typed = devices.nth(0).getByRole('textbox').first()
  await typed.fill('1.5k')
  await typed.press('Enter')
  await expect(theirs.nth(0).getByTestId('knob').first()).toHaveAttribute('aria-valuetext', '1.50 kHz')

  await devices.nth(0).getByRole('button', { name: 'Move Filter later' }).click()
  await expect(theirs.nth(0)).toHaveAttribute('data-device', 'delay')
  await devices.nth(0).getByRole('button', { name: 'Delay is on' }).click()
  await expect(theirs.nth(0)).toHaveClass(/is-bypassed/)
  await devices.nth(0).getByRole('button', { name: 'Remove Delay' }).click()
  await expect(theirs).toHaveCount(1)
  await alice.page.getByRole('button', { name: 'Bring back' }).click()
  await expect(theirs).toHaveCount(2)
  await alice.page.keyboard.press('Escape')
})

test('EN17 the equaliser shows its curve while a band is turned', async ({ alice }) => {
  const project = await newProject(alice, 'Curve')
  await newTrack(alice, project, 'Pad')
  await open(alice, project)
  await alice.page.getByTestId('strip').filter({ hasText: 'Pad' }).getByTestId('rack-button').click()
  await alice.page.getByTestId('rack').getByTestId('add-effect').selectOption({ label: 'Equaliser' })
  const device = alice.page.getByTestId('device')
  const curve = device.locator('.curve-path')
  const flat = await curve.getAttribute('d')
  const band = device.getByRole('group', { name: 'Band 4' })
  // Whoever turns something of a band that is off wants to hear it.
  const power = band.getByRole('button', { name: /^On/ })
  await expect(power).toHaveAttribute('aria-pressed', 'false')
  const gain = band.locator('[data-parameter=gain4]')
  await gain.focus()
  await gain.press('End')
  await expect(gain).toHaveAttribute('aria-valuetext', '24.0 dB')
  await expect.poll(() => curve.getAttribute('d')).not.toBe(flat)
  await expect(power).toHaveAttribute('aria-pressed', 'true')
  // One step.
  await alice.page.keyboard.press('Control+z')
  await expect(power).toHaveAttribute('aria-pressed', 'false')
  await expect.poll(() => curve.getAttribute('d')).toBe(flat)
  // What is added behind it comes into view.
  for (const kind of ['compressor', 'delay', 'reverb']) await alice.page.getByTestId('rack').getByTestId('add-effect').selectOption(kind)
  await expect(device).toHaveCount(4)
  await expect(device.last().getByRole('heading')).toBeInViewport({ ratio: 1 })
})
