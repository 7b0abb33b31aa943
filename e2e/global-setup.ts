// A studio for each worker, for the whole run: people's accounts, and how often they may do things, are its own. Within one, tests keep
// apart by making projects of their own.
import type { FullConfig } from '@playwright/test'
import { startStudio, useStudio } from './studio'

export default async function globalSetup(config: FullConfig) {
  // A studio that runs already, for trying out a single test against it.
  if (process.env.UNISONO_URL) {
    if (config.workers > 1) throw new Error('there is one studio, UNISONO_URL: two workers would be in each other’s way; use --workers 1')
    return
  }
  const studios = await Promise.all(Array.from({ length: config.workers }, () => startStudio()))
  studios.forEach(useStudio)
  return async () => {
    const ends = studios.map((studio) => ({ log: studio.log(), died: studio.process.exitCode !== null }))
    await Promise.all(studios.map((studio) => studio.stop()))
    for (const { log, died } of ends) {
      if (died || /panicked at/.test(log)) throw new Error(`a server did not live through the tests:\n${log}`)
    }
  }
}
