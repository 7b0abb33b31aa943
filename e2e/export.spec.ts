// The song as a file: made on the device (the same bits as `unisono render`, also offline) and by the server.
import { execFile, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect, invite, newClip, newProject, newTrack, open, test, upload, USER_2, type Musician } from './band'
import { network } from './offline'
import { sineWav } from './recordings'

const run = promisify(execFile)
const unisono = resolve(process.env.UNISONO_BINARY ?? 'target/release/unisono')
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

/** A song of two tracks with effects that ring out, tempo that changes and a rate that is converted. */
async function song(alice: Musician, name: string, seconds = 6, sampleRate = 48_000): Promise<string> {
  const project = await newProject(alice, name, { bpm: 103.5, sampleRate })
  const high = await upload(alice, project, 'high.wav', sineWav({ seconds, hz: 660, sampleRate: 44_100 }))
  const low = await upload(alice, project, 'low.wav', sineWav({ seconds, hz: 110, channels: 1 }))
  const plugins = [{ id: 'r', type: 'reverb', bypassed: false, params: {} }]
  const [one, two] = [await newTrack(alice, project, 'High', { pan: 0.3, plugins }), await newTrack(alice, project, 'Low')]
  await newClip(alice, one, 'High', { audioFileId: high.id, durationBeats: seconds * 1.5, fadeIn: 0.5 })
  await newClip(alice, two, 'Low', { audioFileId: low.id, startBeat: 1, durationBeats: seconds * 1.5, gain: 0.7 })
  return project
}

const dialog = ({ page }: Musician) => page.getByTestId('export-dialog')

async function choose(alice: Musician, name: string, value: string) {
  const field = dialog(alice).locator(`[name=${name}]`)
  if ((await field.count()) > 1) await dialog(alice).locator(`label:has([name=${name}][value=${value}])`).click()
  else await field.selectOption(value)
}

/** Makes a file with these choices and saves it. */
async function exported(alice: Musician, choices: { [name: string]: string }): Promise<{ name: string; bytes: Buffer }> {
  if ((await dialog(alice).count()) === 0) await alice.page.locator('.topbar').getByTestId('export').click()
  for (const [name, value] of Object.entries(choices)) await choose(alice, name, value)
  await alice.page.getByTestId('export-begin').click()
  await expect(dialog(alice)).toHaveAttribute('data-state', 'done', { timeout: 30_000 })
  const [download] = await Promise.all([alice.page.waitForEvent('download'), alice.page.getByTestId('export-save').click()])
  const bytes = await readFile(await download.path())
  await alice.page.getByRole('button', { name: 'Another' }).click()
  return { name: download.suggestedFilename(), bytes }
}

/** What `unisono render` makes of a project. */
async function rendered(project: string, ending: string, options: string[] = []): Promise<Buffer> {
  const folder = join(tmpdir(), `unisono-e2e-export-${project}`)
  const file = `${folder}.${ending}`
  try {
    await run(unisono, ['archive', project, '--data', process.env.UNISONO_E2E_DATA!, '-o', folder])
    await run(unisono, ['render', folder, '-o', file, ...options])
    return await readFile(file)
  } finally {
    await Promise.all([folder, file].map((path) => rm(path, { recursive: true, force: true })))
  }
}

/** The files of exports that this browser has. */
const left = ({ page, userId }: Musician) =>
  page.evaluate(async (user) => {
    let folder = await navigator.storage.getDirectory()
    const names: string[] = []
    try {
      for (const name of ['exports', user]) folder = await folder.getDirectoryHandle(name)
      for await (const name of (folder as any).keys()) names.push(name)
    } catch {}
    return names
  }, userId)

/** What this browser keeps of a user's recordings. */
const kept = ({ page, userId }: Musician) =>
  page.evaluate(async (user) => {
    const names: string[] = []
    let folder = await navigator.storage.getDirectory()
    try {
      for (const name of ['audio', user]) folder = await folder.getDirectoryHandle(name)
      for await (const name of (folder as any).keys()) names.push(name)
    } catch {}
    return names.filter((name) => !name.endsWith('.part'))
  }, userId)

/** How many seconds of sound the browser finds in a file. */
const decoded = ({ page }: Musician, bytes: Buffer) =>
  page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
    const buffer = await new OfflineAudioContext(2, 1, 48_000).decodeAudioData(bytes.buffer)
    return { seconds: buffer.duration, loudest: buffer.getChannelData(0).reduce((most, it) => Math.max(most, Math.abs(it)), 0) }
  }, bytes.toString('base64'))

/** How far the sounds of two files are apart, in dB of the second. */
const apart = ({ page }: Musician, ...files: Buffer[]) =>
  page.evaluate(async (files) => {
    const [one, other] = await Promise.all(
      files.map(async (base64) => {
        const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
        return (await new OfflineAudioContext(2, 1, 48_000).decodeAudioData(bytes.buffer)).getChannelData(0)
      }),
    )
    if (one.length !== other.length) return Infinity
    const power = (samples: Float32Array) => samples.reduce((sum, sample) => sum + sample * sample, 0)
    return 10 * Math.log10(power(one.map((sample, n) => sample - other[n])) / power(other) + 1e-20)
  }, files.map((file) => file.toString('base64')))

test('files made on the device are those of unisono render, and others come out and decode (EN40, EX8)', async ({ alice }) => {
  const project = await song(alice, 'Same: bits?')
  await open(alice, project)
  const wav = await exported(alice, { format: 'wav' })
  expect(wav.name).toBe('Same  bits.wav')
  const reference = await rendered(project, 'wav', ['--title', 'Same: bits?'])
  expect(wav.bytes.length).toBe(reference.length)
  expect(sha256(wav.bytes)).toBe(sha256(reference))

  const flac = await exported(alice, { format: 'flac', bits: '24', loudness: '-23', tail: '0' })
  const options = ['--bits', '24', '--normalise', '-23', '--tail', '0', '--title', 'Same: bits?']
  expect(sha256(flac.bytes)).toBe(sha256(await rendered(project, 'flac', options)))

  for (const [format, head] of [['mp3', 'ID3'], ['opus', 'OggS']]) {
    const { bytes } = await exported(alice, { format, kbps: '192', loudness: '', tail: '0' })
    expect(bytes.subarray(0, head.length).toString('latin1')).toBe(head)
    const { seconds, loudest } = await decoded(alice, bytes)
    const plain = await decoded(alice, flac.bytes)
    expect(Math.abs(seconds - plain.seconds)).toBeLessThan(0.1)
    expect(loudest).toBeGreaterThan(0.1)
    const options = ['--bitrate', '192', '--tail', '0', '--title', 'Same: bits?']
    const reference = await rendered(project, format, options)
    if (format === 'mp3') expect(sha256(bytes)).toBe(sha256(reference))
    // The encoder for Opus computes otherwise where it finds AVX2: the bytes are others, what is heard is not.
    else expect(await apart(alice, bytes, reference), 'dB of what is heard').toBeLessThan(-40)
  }

  const stems = await exported(alice, { format: 'wav', what: 'stems' })
  expect(stems.name).toBe('Same  bits.zip')
  const names = stems.bytes.toString('latin1').match(/PK\x01\x02[^]{42}([^]*?\.wav)/g)
  expect(names?.map((name) => name.slice(46))).toEqual(['01 High.wav', '02 Low.wav'])
  expect(alice.complaints).toEqual([])
})

test('an MP3 made on the device has the bytes of unisono render at every rate (EX8)', async ({ alice }) => {
  for (const sampleRate of [44_100, 48_000, 96_000]) {
    const title = `At ${sampleRate} Hz`
    const project = await song(alice, title, 4, sampleRate)
    await open(alice, project)
    for (const kbps of ['128', '320']) {
      const { bytes } = await exported(alice, { format: 'mp3', kbps, tail: '0' })
      const reference = await rendered(project, 'mp3', ['--bitrate', kbps, '--tail', '0', '--title', title])
      expect(sha256(bytes), `${title}, ${kbps} kb/s`).toBe(sha256(reference))
    }
  }
})

test('other people’s programs are content with what is made on the device', async ({ alice }) => {
  const missing = ['ffmpeg', 'flac', 'opusinfo'].filter((program) => spawnSync(program, ['-version']).error)
  test.skip(missing.length > 0, `NOT INSTALLED: ${missing}`)
  const project = await song(alice, 'For strangers', 3)
  await open(alice, project)
  for (const [format, ...checks] of [
    ['wav'],
    ['flac', ['flac', '--test', '--warnings-as-errors']],
    ['mp3'],
    ['opus', ['opusinfo']],
  ] as [string, ...string[][]][]) {
    const { bytes } = await exported(alice, { format, tail: '0' })
    const file = join(tmpdir(), `unisono-e2e-strangers-${project}.${format}`)
    await writeFile(file, bytes)
    try {
      const told = await run('ffmpeg', ['-v', 'error', '-i', file, '-f', 'null', '-'])
      expect(told, format).toEqual({ stdout: '', stderr: '' })
      const { stderr } = await run('ffmpeg', ['-hide_banner', '-i', file, '-f', 'null', '-'])
      // 5.5 beats at 103.5 a minute.
      const [, minutes, seconds] = stderr.match(/Duration: 00:(\d\d):([\d.]+)/)!
      expect(Math.abs(60 * Number(minutes) + Number(seconds) - 3.19), stderr).toBeLessThan(0.1)
      expect(stderr).toContain('For strangers')
      for (const [program, ...options] of checks) {
        const { stdout, stderr } = await run(program, [...options, file])
        expect((stdout + stderr).toLowerCase(), format).not.toMatch(/warning|error/)
      }
    } finally {
      await rm(file, { force: true })
    }
  }
})

test('an export without a network, one that lacks a recording, and one that is cancelled (EX8)', async ({ alice }) => {
  const project = await song(alice, 'Offline')
  await open(alice, project)
  // Its recordings and the app come to this device by themselves.
  await expect.poll(() => kept(alice)).toHaveLength(4)
  const module = async () => (await alice.page.evaluate(async () => (await caches.match(JSON.parse(document.getElementById('manifest')!.textContent!)['exporter.wasm'])) !== undefined))
  await expect.poll(module).toBe(true)
  const line = await network(alice.context)
  await alice.page.reload()
  await expect(alice.page.getByTestId('connection')).toHaveAttribute('data-state', 'online')
  await line.cut()
  await alice.context.setOffline(true)
  await expect(alice.page.getByTestId('connection')).toHaveAttribute('data-state', 'offline')
  const { bytes } = await exported(alice, { format: 'flac', bits: '16' })
  expect(bytes.subarray(0, 4).toString()).toBe('fLaC')
  // What was saved stays for a minute, as saving takes its time; nothing else does.
  const saved = await left(alice)
  expect(saved).toHaveLength(1)
  const others = async () => (await left(alice)).filter((name) => !saved.includes(name))
  await expect(dialog(alice).locator('[name=where][value=server]')).toBeDisabled()
  await expect(dialog(alice).locator('[name=format][value=ogg]')).toBeDisabled()

  // One of the recordings goes: it is said which.
  await alice.page.evaluate(async (user) => {
    let folder = await navigator.storage.getDirectory()
    for (const name of ['audio', user]) folder = await folder.getDirectoryHandle(name)
    for await (const name of (folder as any).keys()) await folder.removeEntry(name)
  }, alice.userId)
  await alice.page.getByTestId('export-begin').click()
  await expect(dialog(alice).getByRole('alert')).toContainText(/“(high|low)\.wav” is not on this device, and the server cannot be reached/)
  await expect.poll(others).toEqual([])
  await alice.context.setOffline(false)
  line.mend()
  await expect(alice.page.getByTestId('connection')).toHaveAttribute('data-state', 'online', { timeout: 30_000 })

  // By ranges from the server; stopped in the middle.
  let held = 0
  await alice.context.route('**/content/playback**', async (route) => {
    if (held++ > 0) await new Promise((done) => setTimeout(done, 60_000))
    await route.continue().catch(() => {})
  })
  await alice.page.getByTestId('export-begin').click()
  await expect(dialog(alice)).toHaveAttribute('data-state', 'running')
  await expect.poll(others).toHaveLength(1)
  await alice.page.keyboard.press('Escape')
  await expect(dialog(alice)).toHaveCount(0)
  const key = alice.page.locator('.topbar').getByTestId('export')
  await expect(key).toHaveAttribute('data-state', 'running')
  await key.click()
  await alice.page.getByTestId('export-cancel').click()
  await expect(dialog(alice)).toHaveAttribute('data-state', 'idle')
  await expect.poll(others).toEqual([])
  await alice.context.unrouteAll({ behavior: 'ignoreErrors' })
})

test('a viewer exports by keyboard alone; what a closed tab has left goes', async ({ alice, bob }) => {
  const project = await song(alice, 'x'.repeat(120), 2)
  const { page } = alice
  await invite(alice, project, USER_2, 'viewer')
  await open(bob, project)
  await expect(bob.page.getByTestId('only-listens')).toBeVisible()
  await bob.page.keyboard.press('x')
  await expect(dialog(bob)).toBeVisible()
  // Nothing behind it can be reached.
  for (let n = 0; n < 20; n++) {
    await bob.page.keyboard.press('Tab')
    expect(await bob.page.evaluate(() => document.activeElement === document.body || !!document.activeElement!.closest('dialog'))).toBe(true)
  }
  await dialog(bob).locator('[name=format]:checked').focus()
  await bob.page.keyboard.press('ArrowRight')
  await expect(dialog(bob).locator('[name=format][value=flac]')).toBeChecked()
  await expect(dialog(bob).locator('[name=kbps]')).toBeHidden()
  await expect(dialog(bob).locator('[name=name]')).toHaveValue('x'.repeat(100))
  await dialog(bob).locator('[name=name]').focus()
  await bob.page.keyboard.press('Enter')
  await expect(dialog(bob)).toHaveAttribute('data-state', 'done', { timeout: 20_000 })
  await expect(bob.page.getByTestId('export-save')).toHaveAttribute('download', `${'x'.repeat(100)}.flac`)
  await expect(bob.page.getByTestId('export-about')).toContainText(/0:0\d, 0\.\d MB\. Peak/)
  await bob.page.keyboard.press('Escape')
  await expect(dialog(bob)).toHaveCount(0)
  await expect(bob.page.locator('.topbar').getByTestId('export')).toHaveAttribute('data-state', 'done')

  expect(await left(bob)).toHaveLength(1)
  await bob.page.close()
  bob.page = await bob.context.newPage()
  await open(bob, project)
  await expect.poll(() => left(bob)).toEqual([])
})

test('the server makes Ogg Vorbis, goes on through a reload, and lets go of what is not wanted', async ({ alice }) => {
  const project = await song(alice, 'By the server')
  await open(alice, project)
  const ogg = await exported(alice, { format: 'ogg', kbps: '128' })
  expect(ogg.name).toBe('By the server.ogg')
  expect(ogg.bytes.subarray(0, 4).toString()).toBe('OggS')
  expect((await decoded(alice, ogg.bytes)).seconds).toBeGreaterThan(5)
  const earlier = alice.page.getByTestId('export-earlier')
  await expect(earlier).toHaveCount(1)

  await choose(alice, 'format', 'wav')
  await choose(alice, 'where', 'server')
  await dialog(alice).locator('[name=name]').fill('Again')
  await alice.page.getByTestId('export-begin').click()
  await expect(dialog(alice)).toHaveAttribute('data-state', /running|done/)
  await alice.page.reload()
  await alice.page.locator('.topbar').getByTestId('export').click()
  await expect(earlier.filter({ hasText: 'Again.wav' }).or(alice.page.getByTestId('export-save'))).toBeVisible({ timeout: 20_000 })
  if ((await alice.page.getByTestId('export-save').count()) > 0) await alice.page.getByRole('button', { name: 'Another' }).click()
  const again = earlier.filter({ hasText: 'Again.wav' })
  const [download] = await Promise.all([alice.page.waitForEvent('download'), again.getByRole('link').click()])
  expect(sha256(await readFile(await download.path()))).toBe(sha256(await rendered(project, 'wav', ['--title', 'By the server'])))
  await again.getByRole('button').click()
  await expect(earlier).toHaveCount(1)
  expect(alice.complaints).toEqual([])
})

test('a kept recording that is damaged is not exported: the server has it, and without a network it is named (EX8)', async ({ alice }) => {
  const project = await song(alice, 'Damaged')
  const line = await network(alice.context)
  await open(alice, project)
  await expect.poll(() => kept(alice)).toHaveLength(4)
  /** Other bytes in the middle of each. */
  const damage = () =>
    alice.page.evaluate(async (user) => {
      let folder = await navigator.storage.getDirectory()
      for (const name of ['audio', user]) folder = await folder.getDirectoryHandle(name)
      for await (const file of (folder as any).values()) {
        const bytes = new Uint8Array(await (await file.getFile()).arrayBuffer())
        bytes.fill(0x55, bytes.length >> 1, (bytes.length >> 1) + 64)
        const writing = await file.createWritable()
        await writing.write(bytes)
        await writing.close()
      }
    }, alice.userId)
  await damage()
  const { bytes } = await exported(alice, { format: 'wav' })
  expect(sha256(bytes)).toBe(sha256(await rendered(project, 'wav', ['--title', 'Damaged'])))
  await line.cut()
  await alice.context.setOffline(true)
  await expect(alice.page.getByTestId('connection')).toHaveAttribute('data-state', 'offline')
  // The studio may have fetched them again meanwhile.
  await damage()
  await alice.page.getByTestId('export-begin').click()
  await expect(dialog(alice).getByRole('alert')).toContainText(/“(high|low)\.wav” is damaged on this device, and the server cannot be reached/, { timeout: 30_000 })
})

test('a file for which the device has no room is refused in words, leaves nothing behind, and is made once there is room (EX8)', async ({ alice }) => {
  const project = await song(alice, 'No room', 20)
  await open(alice, project)
  await expect.poll(() => kept(alice)).toHaveLength(4)
  await alice.page.locator('.topbar').getByTestId('export').click()
  const begin = alice.page.getByTestId('export-begin')
  const session = await alice.context.newCDPSession(alice.page)
  const { usage } = await alice.page.evaluate(() => navigator.storage.estimate())
  const room = (quotaSize?: number) => session.send('Storage.overrideQuotaForOrigin', { origin: new URL(alice.page.url()).origin, quotaSize })
  await choose(alice, 'format', 'wav')
  await room(usage! + 500_000)
  await begin.click()
  await expect(dialog(alice).getByRole('alert')).toContainText('This device has no room left for the file', { timeout: 30_000 })
  await expect.poll(() => left(alice)).toHaveLength(0)
  await room()
  await exported(alice, { format: 'flac' })
})
