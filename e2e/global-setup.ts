// One studio for the whole run; tests keep apart by making projects of their own.
import { startStudio } from './studio'

export default async function globalSetup() {
  // A studio that runs already, for trying out a single test against it.
  if (process.env.UNISONO_URL) return
  const studio = await startStudio()
  process.env.UNISONO_URL = studio.url
  process.env.UNISONO_E2E_DATA = studio.dataDir
  return async () => {
    const log = studio.log()
    const died = studio.process.exitCode !== null
    await studio.stop()
    if (died || /panicked at/.test(log)) throw new Error(`the server did not live through the tests:\n${log}`)
  }
}
