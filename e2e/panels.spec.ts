// Every parameter of every effect, by all that a hand has: keys, wheel, drag and typing; switches and choices by keys.
import type { Locator, Page } from '@playwright/test'
import { drawn, expect, newProject, newTrack, open, read, test } from './band'

// With two workers the kinds are shared out between them.
test.describe.configure({ mode: 'parallel' })

const KINDS = ['eq', 'compressor', 'gate', 'limiter', 'saturation', 'filter', 'chorus', 'delay', 'reverb', 'room', 'utility']

const strip = (page: Page, name: string) => page.getByTestId('strip').filter({ hasText: name })
const says = (knob: Locator) => knob.getAttribute('aria-valuetext')

/** Waits until a knob says this, or something else. Frame by frame: whoever looks again after 100 ms sits most of the time idle here. */
async function comes(knob: Locator, text: string, otherwise = false) {
  const came = await knob.evaluate(
    (knob, [text, otherwise, frames]) =>
      new Promise<boolean>((done) => {
        const look = (left: number) => {
          if ((knob.getAttribute('aria-valuetext') === text) !== otherwise) done(true)
          else if (left === 0) done(false)
          else requestAnimationFrame(() => look(left - 1))
        }
        look(frames)
      }),
    [text, otherwise, 60] as const,
  )
  if (came) return
  if (otherwise) await expect(knob).not.toHaveAttribute('aria-valuetext', text)
  else await expect(knob).toHaveAttribute('aria-valuetext', text)
}

/** Turns a knob in every way there is, and leaves it at its upper end, which it returns. */
async function turn(page: Page, knob: Locator): Promise<string> {
  await knob.focus()
  await page.keyboard.press('End')
  await drawn(page)
  const most = (await says(knob))!
  await page.keyboard.press('Home')
  await comes(knob, most, true)
  const least = (await says(knob))!
  await page.keyboard.press('ArrowUp')
  await comes(knob, least, true)
  await page.keyboard.press('Home')
  await comes(knob, least)

  await knob.hover()
  await page.mouse.wheel(0, -100)
  await comes(knob, least, true)
  // What a key chooses counts, also before the wheel has come to rest: see the end of the drag.
  await page.keyboard.press('Home')
  await comes(knob, least)

  const box = (await knob.boundingBox())!
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2]
  await page.mouse.move(x, y)
  await page.mouse.down()
  await page.mouse.move(x, y - 48, { steps: 3 })
  await expect(knob).toHaveClass(/is-held/)
  await comes(knob, least, true)
  await drawn(page)
  const dragged = (await says(knob))!
  await page.mouse.up()
  await expect(knob).not.toHaveClass(/is-held/)
  await comes(knob, dragged)

  const typed = knob.locator('xpath=..').getByRole('textbox')
  await typed.fill(most)
  await typed.press('Enter')
  await comes(knob, most)
  return most
}

/** Tries all that an effect's card has, and says how it stands afterwards: by parameter, in the order of the screen. */
async function tryAll(page: Page, device: Locator): Promise<string[]> {
  const stands: string[] = []
  for (const knob of await device.getByTestId('knob').all()) stands.push(await turn(page, knob))
  for (const choice of await device.locator('.effect-choice select:not([data-testid])').all()) {
    const before = await choice.inputValue()
    const isLast = before === (await choice.locator('option').last().getAttribute('value'))
    await choice.press(isLast ? 'ArrowUp' : 'ArrowDown')
    await expect(choice).not.toHaveValue(before)
    stands.push(await choice.inputValue())
  }
  for (const button of await device.locator('.effect-switch').all()) {
    const before = (await button.getAttribute('aria-pressed')) === 'true'
    await button.press('Space')
    await expect(button).toHaveAttribute('aria-pressed', String(!before))
    await button.press('Enter')
    await expect(button).toHaveAttribute('aria-pressed', String(before))
    await button.press('Space')
    await expect(button).toHaveAttribute('aria-pressed', String(!before))
    stands.push(String(!before))
  }
  return stands
}

async function standing(device: Locator): Promise<string[]> {
  const of = (selector: string, read: (one: Locator) => Promise<string | null>) =>
    device.locator(selector).all().then((all) => Promise.all(all.map(async (one) => (await read(one)) ?? '')))
  return [
    ...(await of('[data-testid=knob]', says)),
    ...(await of('.effect-choice select:not([data-testid])', (choice) => choice.inputValue())),
    ...(await of('.effect-switch', (button) => button.getAttribute('aria-pressed'))),
  ]
}

test('every kind of effect in the menu is tried here', async ({ alice }) => {
  const project = await newProject(alice, 'Kinds')
  await newTrack(alice, project, 'Bass')
  await open(alice, project)
  await strip(alice.page, 'Bass').getByTestId('rack-button').click()
  const offered = await alice.page.getByTestId('add-effect').locator('option').all()
  const kinds = await Promise.all(offered.map((option) => option.getAttribute('value')))
  expect(kinds).toEqual(['', ...KINDS])
})

for (const kind of KINDS) {
  test(`every parameter of ${kind} is turned by drag, wheel, keys and typing`, async ({ alice }) => {
    // The equaliser has 32 knobs: two and a half minutes on a machine on which five others built.
    test.setTimeout(300_000)
    const { page } = alice
    const project = await newProject(alice, kind)
    await newTrack(alice, project, 'Bass')
    await open(alice, project)
    await strip(page, 'Bass').getByTestId('rack-button').click()
    await page.getByTestId('add-effect').selectOption(kind)
    const device = page.getByTestId('device')
    await expect(device).toHaveAttribute('data-device', kind)
    const stands = await tryAll(page, device)
    expect(stands.length).toBeGreaterThan(0)

    await page.reload()
    await strip(page, 'Bass').getByTestId('rack-button').click()
    await expect.poll(() => standing(device)).toEqual(stands)
    expect(alice.complaints).toEqual([])
  })
}

test('the master’s effects are turned alike, and a sidechain is chosen by keys', async ({ alice }) => {
  const { page } = alice
  const project = await newProject(alice, 'Keys only')
  await newTrack(alice, project, 'Pad')
  const kick = await newTrack(alice, project, 'Kick')
  await open(alice, project)
  await page.getByTestId('master-strip').getByTestId('rack-button').press('Enter')
  await page.getByTestId('add-effect').selectOption('utility')
  const stands = await tryAll(page, page.getByTestId('device'))
  await expect.poll(async () => (await read(alice, 'projects', project))?.plugins?.[0]?.type).toBe('utility')
  expect(await standing(page.getByTestId('device'))).toEqual(stands)
  await page.keyboard.press('Escape')

  await page.getByTestId('master-strip').getByTestId('rack-button').press('Enter')
  await page.getByTestId('add-effect').selectOption('gate')
  const listens = page.getByTestId('sidechain')
  await listens.focus()
  // The first key opens the list, which changes nothing yet.
  await page.keyboard.press('ArrowDown')
  await expect(listens).toHaveValue('')
  for (const key of ['ArrowDown', 'ArrowDown', 'Enter']) await page.keyboard.press(key)
  await expect(listens).toHaveValue(kick)
  await expect.poll(async () => (await read(alice, 'projects', project))?.plugins?.[1]?.sidechain).toBe(kick)
})
