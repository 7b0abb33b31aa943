// An ear at the audio thread: hears what the AudioWorklet really gives to the loudspeaker, not what the screen says.
import type { Page } from '@playwright/test'

/** Puts the ear into every page that is opened after this. */
export async function putEarTo(page: Page) {
  await page.addInitScript(() => {
    const connect = AudioNode.prototype.connect as (...args: any[]) => any
    AudioNode.prototype.connect = function (this: AudioNode, ...args: any[]) {
      if (args[0] === this.context.destination) {
        const ear = new AnalyserNode(this.context, { fftSize: 32768 })
        connect.call(this, ear)
        ;(window as any).ear = ear
      }
      return connect.apply(this, args)
    } as any
  })
}

/**
 * What was heard in the last 0.6 seconds or so, both channels mixed: largest value and root mean square, linear; and the second of the
 * song at which the transport was at that moment.
 */
export async function listen(page: Page): Promise<{ peak: number; rms: number; at: number }> {
  return page.evaluate(() => {
    const ear = (window as any).ear as AnalyserNode | undefined
    const [minutes, seconds] = document.querySelector('[data-testid=position] .lcd-time')?.textContent?.split(':') ?? []
    const at = Number(minutes) * 60 + Number(seconds)
    if (!ear) return { peak: 0, rms: 0, at }
    const heard = new Float32Array(ear.fftSize)
    ear.getFloatTimeDomainData(heard)
    let peak = 0
    let squares = 0
    for (const sample of heard) {
      peak = Math.max(peak, Math.abs(sample))
      squares += sample * sample
    }
    return { peak, rms: Math.sqrt(squares / heard.length), at }
  })
}
