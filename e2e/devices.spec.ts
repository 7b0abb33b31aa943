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

test('EN17 a band that a turn has woken is heard for as long as it is on, and no longer', async ({ alice }) => {
  const { page } = alice
  const project = await newProject(alice, 'Woken')
  await newTrack(alice, project, 'Pad')
  // The song as the audio thread has got it last.
  await page.addInitScript(() => {
    const post = MessagePort.prototype.postMessage as (...args: any[]) => void
    MessagePort.prototype.postMessage = function (this: MessagePort, message: any, ...rest: any[]) {
      if (message?.type === 'plan') (window as any).plan = new Uint8Array(message.data.slice(0)).join()
      return post.call(this, message, ...rest)
    } as any
  })
  const plan = () => page.evaluate(() => (window as any).plan as string | undefined)
  await open(alice, project)
  await page.getByTestId('strip').filter({ hasText: 'Pad' }).getByTestId('rack-button').click()
  const rack = page.getByTestId('rack')
  await rack.getByTestId('add-effect').selectOption({ label: 'Equaliser' })
  const band = page.getByTestId('device').getByRole('group', { name: 'Band 4' })
  const power = band.getByRole('button', { name: /^On/ })
  const gain = band.locator('[data-parameter=gain4]')
  await page.getByTestId('play').click()
  await expect.poll(plan).toBeTruthy()
  await page.getByTestId('stop').click()
  await page.waitForTimeout(500)
  const asleep = await plan()

  const drag = async () => {
    const box = (await gain.boundingBox())!
    const at = { x: box.x + box.width / 2, y: box.y + box.height / 2 }
    await page.mouse.move(at.x, at.y)
    await page.mouse.down()
    await page.mouse.move(at.x, at.y - 60, { steps: 6 })
    // Heard while it is in the hand.
    await expect.poll(plan).not.toBe(asleep)
    await expect(power).toHaveAttribute('aria-pressed', 'false')
    await page.mouse.up()
  }
  const wheel = async () => {
    await gain.hover()
    for (let n = 0; n < 5; n++) await page.mouse.wheel(0, -100)
  }
  // Closed before the wheel has come to rest: the turn is written all the same.
  const wheelAndClose = async () => {
    await gain.evaluate((knob) => {
      knob.dispatchEvent(new WheelEvent('wheel', { deltaY: -100, bubbles: true, cancelable: true }))
      document.querySelector<HTMLElement>('[aria-label="Close the effects"]')!.click()
    })
    await expect(rack).toHaveCount(0)
    await page.getByTestId('strip').filter({ hasText: 'Pad' }).getByTestId('rack-button').click()
  }
  for (const turn of [drag, wheel, wheelAndClose]) {
    await turn()
    await expect(power, turn.name).toHaveAttribute('aria-pressed', 'true')
    await expect.poll(plan, turn.name).not.toBe(asleep)
    await page.keyboard.press('Control+z')
    await expect(power, turn.name).toHaveAttribute('aria-pressed', 'false')
    await expect.poll(plan, turn.name).toBe(asleep)
  }
  expect(alice.complaints).toEqual([])
})
