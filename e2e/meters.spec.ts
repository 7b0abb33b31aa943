// Meters: loudness and true peak of the master, gain reduction, the spectrum under the equaliser, the light of a clipped meter;
// and effects that are put elsewhere by dragging them.
import type { Page } from '@playwright/test'
import { expect, newClip, newProject, newTrack, open, test, upload } from './band'
import { sineWav } from './recordings'

test('EN28 EN22 EN29 the master’s loudness, a compressor’s reduction and an equaliser’s spectrum show while they are looked at', async ({ alice }) => {
  const { page } = alice
  const project = await newProject(alice, 'Meters')
  const file = await upload(alice, project, 'tone.wav', sineWav({ seconds: 30, hz: 997, level: 0.5 }))
  const plugins = [
    { id: 'c', type: 'compressor', params: { threshold: -30, ratio: 4, attack: 1, makeup: 0 } },
    { id: 'q', type: 'eq' },
  ]
  const tone = await newTrack(alice, project, 'Tone', { plugins })
  await newClip(alice, tone, 'Tone', { durationBeats: 60, audioFileId: file.id })
  await open(alice, project)
  await page.getByTestId('strip').filter({ hasText: 'Tone' }).getByTestId('rack-button').click()
  await page.getByTestId('meters-button').click()
  await page.getByTestId('play').click()
  const reading = (name: string) => page.getByTestId(name)
  const number = async (name: string) => Number((await reading(name).textContent())!.replace('−', '-').split(' ')[0])

  // -6 dB is 24 above the threshold; a quarter of that is left.
  await expect.poll(async () => Number((await page.getByTestId('reduction').textContent())!.replace('−', '-').replace(' dB', '')), { timeout: 20_000 }).toBeLessThan(-14)
  await expect.poll(() => number('momentary')).toBeGreaterThan(-30)
  await expect.poll(() => number('short-term'), { timeout: 20_000 }).toBeGreaterThan(-30)
  // A sine of so many dB, alike on both sides: its loudness is that of its peak (BS.1770), about -24.
  await expect.poll(() => number('momentary')).toBeLessThan(-20)
  expect(await number('true-peak')).toBeGreaterThan(-27)
  await expect(reading('correlation')).toHaveText('+1.00')

  // The tone stands out: the curve of what is heard comes nearest to the top at 997 Hz.
  const peak = () =>
    page.getByTestId('spectrum').evaluate((path) => {
      const points = (path.getAttribute('d') ?? '').replace(/[MZ]/g, '').split('L').map((point) => point.split(' ').map(Number))
      const highest = points.filter((point) => point.length === 2).sort((a, b) => a[1] - b[1])[0]
      return highest ? 20 * 1000 ** (highest[0] / 480) : 0
    })
  await expect.poll(peak).toBeGreaterThan(850)
  expect(await peak()).toBeLessThan(1_150)
  await page.getByTestId('measure-anew').click()
  await expect.poll(() => number('integrated')).toBeGreaterThan(-30)
  await page.getByTestId('stop').click()
  expect(alice.complaints).toEqual([])
})

test('EN28 loudness is measured from Play on, whether its panel is open or not, and stays until the next Play', async ({ alice }) => {
  const { page } = alice
  const project = await newProject(alice, 'How loud was it')
  const file = await upload(alice, project, 'tone.wav', sineWav({ seconds: 1, hz: 997, level: 0.5 }))
  const tone = await newTrack(alice, project, 'Tone')
  await newClip(alice, tone, 'Tone', { durationBeats: 2, audioFileId: file.id })
  await newClip(alice, tone, 'Silent', { startBeat: 60, durationBeats: 4 })
  await open(alice, project)
  await page.getByTestId('play').click()
  // The tone is over: whoever begins to measure now finds silence.
  await expect(page.getByTestId('position').locator('.lcd-bars')).toHaveText(/^[2-9]\.[2-9]/, { timeout: 20_000 })
  const integrated = page.getByTestId('integrated')
  await page.getByTestId('meters-button').click()
  await expect(integrated).toHaveText(/^−\d/)
  await expect(page.getByTestId('true-peak')).toHaveText(/^−[56]\.\d/)
  await page.getByTestId('stop').click()
  await page.getByTestId('meters-button').click()
  await page.getByTestId('meters-button').click()
  await expect(integrated).toHaveText(/^−\d/)
  await page.getByTestId('play').click()
  await expect(integrated).toHaveText('−∞')
  await page.getByTestId('stop').click()
  expect(alice.complaints).toEqual([])
})

test('a meter that was above full scale says so until its light is put out', async ({ alice }) => {
  const { page } = alice
  const project = await newProject(alice, 'Loud')
  const file = await upload(alice, project, 'loud.wav', sineWav({ seconds: 20, level: 0.9 }))
  const loud = await newTrack(alice, project, 'Loud', { volume: 1.8 })
  const soft = await newTrack(alice, project, 'Soft')
  await newClip(alice, loud, 'Loud', { durationBeats: 40, audioFileId: file.id })
  await open(alice, project)
  await page.getByTestId('play').click()
  const light = (name: string) => page.getByTestId('strip').filter({ hasText: name }).getByTestId('clip-light')
  await expect(light('Loud')).toBeVisible({ timeout: 20_000 })
  await page.getByTestId('stop').click()
  await expect(light('Loud')).toBeVisible()
  await expect(page.getByTestId('master-strip').getByTestId('clip-light')).toBeVisible()
  await expect(light('Soft')).toHaveCount(0)
  await light('Loud').click()
  await expect(light('Loud')).toHaveCount(0)
  expect(soft).toBeTruthy()
})

/** Catches what the page shares with the audio thread. No song is known that makes an effect fail or the device run dry: before each frame the test writes what the thread would. */
async function catchAudioThread(page: Page) {
  await page.addInitScript(() => {
    const caught: any = ((window as any).caught = { before: () => {} })
    const Node = AudioWorkletNode
    ;(window as any).AudioWorkletNode = class extends Node {
      constructor(context: BaseAudioContext, name: string, options: AudioWorkletNodeOptions) {
        super(context, name, options)
        caught.node = this
        caught.status = new Int32Array(options.processorOptions.status)
        const post = this.port.postMessage.bind(this.port) as (...all: any[]) => void
        this.port.postMessage = (message: any, ...rest: any[]) => {
          if (message?.meters) caught.meters = new Int32Array(message.meters)
          caught.sent = [...(caught.sent ?? []), message?.type]
          post(message, ...rest)
        }
      }
    }
    const ask = window.requestAnimationFrame.bind(window)
    window.requestAnimationFrame = (callback) =>
      ask((time) => {
        caught.before()
        callback(time)
      })
  })
}

test('EN28 the true peak begins anew with Play, also when nobody has read what was heard before', async ({ alice }) => {
  const { page } = alice
  await catchAudioThread(page)
  const project = await newProject(alice, 'Silence')
  await newTrack(alice, project, 'Keys')
  await open(alice, project)
  await page.getByTestId('meters-button').click()
  const peak = page.getByTestId('true-peak')
  for (const key of ['play', 'stop']) await page.getByTestId(key).click()
  await expect.poll(() => page.evaluate(() => !!(window as any).caught.meters)).toBe(true)
  await expect(peak).toHaveText('−∞')
  // A true peak of 4 that came while no frame was drawn.
  const left = () => page.evaluate(() => void Atomics.store((window as any).caught.meters, 2, 0x40800000))
  await left()
  await page.getByTestId('ruler').focus()
  await page.keyboard.press('ArrowRight')
  await expect(peak, 'it is read').toHaveText(/^\+12\.0/)
  await page.evaluate(() => {
    Atomics.store((window as any).caught.meters, 2, 0x40800000)
    ;(document.querySelector('[data-testid=play]') as HTMLElement).click()
  })
  await expect(peak).toHaveText('−∞')
  await page.waitForTimeout(300)
  await expect(peak).toHaveText('−∞')
  await page.getByTestId('stop').click()
  expect(alice.complaints).toEqual([])
})

test('with an edit goes a plan to the audio thread, and nothing about meters', async ({ alice }) => {
  const { page } = alice
  await catchAudioThread(page)
  const project = await newProject(alice, 'Little is said')
  await newTrack(alice, project, 'Keys')
  await open(alice, project)
  const sent = (type: string) => page.evaluate((type) => ((window as any).caught.sent ?? []).filter((other: string) => other === type).length, type)
  await page.getByTestId('play').click()
  await expect.poll(() => sent('measure'), { timeout: 20_000 }).toBeGreaterThan(0)
  await page.getByTestId('stop').click()
  const before = { plans: await sent('plan'), measures: await sent('measure') }
  for (const count of [1, 2, 3]) {
    await page.getByTestId('mute').first().click()
    await expect.poll(() => sent('plan')).toBeGreaterThanOrEqual(before.plans + count)
  }
  expect(await sent('measure')).toBe(before.measures)
})

test('EN35 a device that ran dry, an effect that failed and a thread that ended are said', async ({ alice }) => {
  const { page } = alice
  await catchAudioThread(page)
  const project = await newProject(alice, 'Failing')
  await newTrack(alice, project, 'Keys', { plugins: [{ id: 'a', type: 'filter' }] })
  await open(alice, project)
  await page.getByTestId('strip').filter({ hasText: 'Keys' }).getByTestId('rack-button').click()
  await page.getByTestId('meters-button').click()
  await page.getByTestId('play').click()
  await expect.poll(() => page.evaluate(() => (window as any).caught.meters?.[0] ?? 0), { timeout: 20_000 }).toBe(1)
  await expect(page.getByText('made no numbers')).toHaveCount(0)
  await page.evaluate(() => {
    const { caught } = window as any
    caught.before = () => {
      caught.status[7] = 3
      caught.meters[1] = 1
      caught.meters[16] = 0x7f800000
    }
  })
  await expect(page.getByText('3 underruns: the device ran dry')).toBeVisible()
  await expect(page.getByText('1 effects made no numbers')).toBeVisible()
  await expect(page.getByTestId('device').getByText('Silent: it made no numbers.')).toBeVisible()
  await page.evaluate(() => {
    const { caught } = window as any
    caught.before = () => {}
    caught.node.port.dispatchEvent(new MessageEvent('message', { data: { type: 'trap', message: 'Something broke.' } }))
  })
  await expect(page.getByTestId('sound-notice')).toContainText('Something broke.')
})

test('EN31 an effect is dragged to another place in the chain', async ({ alice }) => {
  const { page } = alice
  const project = await newProject(alice, 'Order')
  await newTrack(alice, project, 'Keys', { plugins: [{ id: 'a', type: 'filter' }, { id: 'b', type: 'gate' }, { id: 'c', type: 'utility' }] })
  await open(alice, project)
  await page.getByTestId('strip').filter({ hasText: 'Keys' }).getByTestId('rack-button').click()
  const devices = page.getByTestId('device')
  const order = () => devices.evaluateAll((cards) => cards.map((card) => card.getAttribute('data-device')))
  await expect.poll(order).toEqual(['filter', 'gate', 'utility'])
  const drag = async (from: number, to: number) => {
    const [handle, target] = [(await devices.nth(from).getByTestId('effect-grip').boundingBox())!, (await devices.nth(to).boundingBox())!]
    await page.mouse.move(handle.x + handle.width / 2, handle.y + handle.height / 2)
    await page.mouse.down()
    await page.mouse.move(target.x + (to > from ? target.width - 8 : 8), handle.y + 10, { steps: 6 })
    await page.mouse.up()
  }
  await drag(0, 1)
  await expect.poll(order).toEqual(['gate', 'filter', 'utility'])
  await drag(2, 0)
  await expect.poll(order).toEqual(['utility', 'gate', 'filter'])
  await page.keyboard.press('Control+z')
  await expect.poll(order).toEqual(['gate', 'filter', 'utility'])
})
