// A large recording over a network that is cut in the middle.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, newProject, open, read, test } from './band'
import { sineWav } from './recordings'

const MIB = 1024 * 1024

test('an upload that is cut off goes on where it stood, and its clip has its length at once', async ({ alice }) => {
  const project = await newProject(alice, 'A long take')
  await open(alice, project)
  const folder = mkdtempSync(join(tmpdir(), 'unisono-'))
  try {
    // More than a page should hold in memory; the worker reads it a window at a time. 360 s at 120 bpm are 720 beats.
    const wav = sineWav({ seconds: 360, sampleRate: 48_000, channels: 2 })
    expect(wav.length).toBeGreaterThan(64 * MIB)
    const path = join(folder, 'take.wav')
    writeFileSync(path, wav)

    const offsets: number[] = []
    let cuts = 0
    await alice.page.route('**/api/audio-files/*/content?*', async (route) => {
      const request = route.request()
      if (request.method() !== 'PATCH') return route.continue()
      offsets.push(Number(request.headers()['upload-offset']))
      // The third piece does not arrive, twice.
      if (offsets.length >= 3 && cuts < 2) {
        cuts++
        return route.abort('internetdisconnected')
      }
      return route.continue()
    })

    const chooser = alice.page.waitForEvent('filechooser')
    await alice.page.getByTestId('import').click()
    await (await chooser).setFiles(path)
    const clip = alice.page.getByTestId('clip')
    await expect(clip).toHaveCount(1, { timeout: 20_000 })
    await expect(clip).toHaveAttribute('data-duration-beats', '720')

    const id = (await clip.getAttribute('data-clip-id'))!
    const { audioFileId } = await read(alice, 'clips', id)
    await expect.poll(async () => (await read(alice, 'audio_files', audioFileId)).state, { timeout: 60_000 }).toBe('ready')
    expect(cuts).toBe(2)
    const pieces = Math.ceil(wav.length / (8 * MIB))
    const sent = Array.from({ length: pieces }, (_, n) => n * 8 * MIB)
    expect(offsets, 'what had arrived is not sent again').toEqual([...sent.slice(0, 3), sent[2], ...sent.slice(2)])
    expect((await read(alice, 'clips', id)).durationBeats).toBe(720)
    expect((await read(alice, 'audio_files', audioFileId)).durationSeconds).toBe(360)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
