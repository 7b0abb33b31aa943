import { defineConfig } from '@playwright/test'
import { findStudio } from './studio'

findStudio()

export default defineConfig({
  testDir: '.',
  testMatch: '**/*.spec.ts',
  globalSetup: './global-setup.ts',
  outputDir: './test-results',
  // One after the other: several tests measure time, and the machine may have two cores.
  workers: 1,
  fullyParallel: false,
  // A test that passes only the second time does not pass.
  retries: 0,
  forbidOnly: !!process.env.CI,
  timeout: 60_000,
  expect: { timeout: 10_000 },
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
