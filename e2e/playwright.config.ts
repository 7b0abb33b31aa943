import { defineConfig } from '@playwright/test'
import { findStudio } from './studio'

findStudio()

/** Tests that listen, or measure time or memory, which a second worker would spoil: whole files, and single tests by the tag. */
const ALONE = /@alone|\b(away|heard|meters|playback|sound|streaming|tabs|upload)\.spec\.ts/

export default defineConfig({
  testDir: '.',
  testMatch: '**/*.spec.ts',
  globalSetup: './global-setup.ts',
  // `./test` has the first done by two workers, and then the second by one.
  projects: [
    { name: 'together', grepInvert: ALONE, outputDir: './test-results/together' },
    { name: 'alone', grep: ALONE, outputDir: './test-results/alone' },
  ],
  workers: 1,
  fullyParallel: false,
  // A test that passes only the second time does not pass.
  retries: 0,
  forbidOnly: !!process.env.CI,
  // Ceilings for a machine that does other things as well: how fast something is, is said by benches.
  timeout: 180_000,
  expect: { timeout: 20_000 },
  reporter: [['list']],
  use: {
    baseURL: process.env.UNISONO_URL,
    viewport: { width: 1280, height: 800 },
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath: process.env.UNISONO_CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        // Sound may start without a gesture, and goes nowhere on a machine without a sound card.
        '--autoplay-policy=no-user-gesture-required',
      ],
    },
  },
})
