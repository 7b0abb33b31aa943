// Writes an archive of many long stereo tracks, for measuring what reading ahead costs: `node benches/long_project.mjs FOLDER [TRACKS] [MINUTES]`.
//
// The disk holds one recording, to which all others are hard links; each is a file of its own to whoever reads it.
import { linkSync, mkdirSync, openSync, writeFileSync, writeSync, closeSync } from 'node:fs'
import { join } from 'node:path'

const [folder, tracks = '200', minutes = '60'] = process.argv.slice(2)
const RATE = 48_000
const frames = Number(minutes) * 60 * RATE
const bytes = frames * 4

// An hour of stereo is larger than what may be uploaded, but not than what is decoded from an upload.
for (const part of ['audio', 'pcm']) mkdirSync(join(folder, part), { recursive: true })
const name = (track) => join(folder, 'pcm', `file${track}.wav`)

const header = Buffer.alloc(44)
header.write('RIFF', 0, 'latin1')
header.writeUInt32LE(36 + bytes, 4)
header.write('WAVEfmt ', 8, 'latin1')
header.writeUInt32LE(16, 16)
header.writeUInt16LE(1, 20)
header.writeUInt16LE(2, 22)
header.writeUInt32LE(RATE, 24)
header.writeUInt32LE(RATE * 4, 28)
header.writeUInt16LE(4, 32)
header.writeUInt16LE(16, 34)
header.write('data', 36, 'latin1')
header.writeUInt32LE(bytes, 40)

const file = openSync(name(0), 'w')
writeSync(file, header)
const second = Buffer.alloc(RATE * 4)
for (let n = 0; n < frames / RATE; n++) {
  // Quiet noise, another in each second: no compression and no cache of the file system makes it easier than music.
  let seed = n + 1
  for (let at = 0; at < second.length; at += 2) {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) | 0
    second.writeInt16LE(seed >> 24, at)
  }
  writeSync(file, second)
}
closeSync(file)

const records = {
  projects: { p: { id: 'p', version: 1, name: 'Long', bpm: 120, sampleRate: RATE, masterVolume: 1, timeSignature: '4/4' } },
  tracks: {},
  clips: {},
  audio_files: {},
}
for (let track = 0; track < Number(tracks); track++) {
  writeFileSync(join(folder, 'audio', `file${track}.ogg`), 'only what was decoded of it is played')
  if (track > 0) linkSync(name(0), name(track))
  const [t, c, f] = [`t${track}`, `c${track}`, `file${track}`]
  records.tracks[t] = { id: t, version: 1, projectId: 'p', name: t, type: 'audio', volume: 0.5, pan: 0 }
  records.clips[c] = { id: c, version: 1, trackId: t, name: c, startBeat: 0, durationBeats: Number(minutes) * 120, audioFileId: f, gain: 1 }
  records.audio_files[f] = { id: f, version: 1, projectId: 'p', filename: `${f}.wav`, contentHash: '0'.repeat(64), sizeBytes: Math.min(44 + bytes, 524_288_000), state: 'ready' }
}
writeFileSync(join(folder, 'project.json'), JSON.stringify({ format: 'unisono', version: 1, projectId: 'p', recordMap: records }))
