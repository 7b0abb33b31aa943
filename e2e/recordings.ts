// Recordings that tests make themselves: nothing here depends on chance or on files of the machine.

/** A 16-bit WAV file with a sine in every channel; `level` is its peak, 1 being full scale. */
export function sineWav(options: {
  seconds: number
  hz?: number
  level?: number
  sampleRate?: number
  channels?: number
}): Buffer {
  const { seconds, hz = 440, level = 0.5, sampleRate = 48_000, channels = 2 } = options
  const frames = Math.round(seconds * sampleRate)
  const dataBytes = frames * channels * 2
  const wav = Buffer.alloc(44 + dataBytes)
  wav.write('RIFF', 0, 'latin1')
  wav.writeUInt32LE(36 + dataBytes, 4)
  wav.write('WAVEfmt ', 8, 'latin1')
  wav.writeUInt32LE(16, 16)
  wav.writeUInt16LE(1, 20)
  wav.writeUInt16LE(channels, 22)
  wav.writeUInt32LE(sampleRate, 24)
  wav.writeUInt32LE(sampleRate * channels * 2, 28)
  wav.writeUInt16LE(channels * 2, 32)
  wav.writeUInt16LE(16, 34)
  wav.write('data', 36, 'latin1')
  wav.writeUInt32LE(dataBytes, 40)
  for (let frame = 0; frame < frames; frame++) {
    const sample = Math.round(32767 * level * Math.sin((2 * Math.PI * hz * frame) / sampleRate))
    for (let channel = 0; channel < channels; channel++) wav.writeInt16LE(sample, 44 + (frame * channels + channel) * 2)
  }
  return wav
}

/** Bytes that call themselves a WAV file and are none. */
export function brokenWav(): Buffer {
  return Buffer.from('RIFF\x24\x00\x00\x00WAVEthis is a text that somebody renamed, not a recording', 'latin1')
}
