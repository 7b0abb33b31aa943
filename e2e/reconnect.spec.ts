// A server that goes away and comes back, with the studio open.
import { expect, test } from '@playwright/test'
import { startStudio } from './studio'

test('an edit made while the server is away arrives when it is back (PS3, CL3)', async ({ browser }) => {
  const studio = await startStudio()
  const context = await browser.newContext({ baseURL: studio.url })
  const page = await context.newPage()
  await page.goto('/login')
  await page.fill('[name=email]', 'user1@example.com')
  await page.fill('[name=password]', 'password')
  await page.click('button[type=submit]')
  await page.goto('/projects/new')
  await page.fill('[name=name]', 'Through the storm')
  await page.click('button[type=submit]')
  const projectId = await page.locator('[data-project-id]').getAttribute('data-project-id')
  const connection = page.getByTestId('connection')
  await expect(connection).toHaveAttribute('data-state', 'online')

  const port = Number(new URL(studio.url).port)
  // Without warning, as a crash would.
  await studio.stop({ keepData: true, signal: 'SIGKILL' })
  await expect(connection).toHaveAttribute('data-state', 'offline')
  await page.fill('[name=bpm]', '93.5')
  await page.locator('[name=bpm]').press('Enter')
  await expect(page.locator('[name=bpm]')).toHaveValue('93.5')

  // Its data folder goes when this one stops.
  const again = await startStudio({ dataDir: studio.dataDir, port })
  await expect(connection).toHaveAttribute('data-state', 'online', { timeout: 40_000 })
  await expect
    .poll(async () => {
      const pointers = [{ table: 'projects', id: projectId }]
      const answer = await page.request.post('/api/realtime/getRecords', { data: { pointers } })
      return (await answer.json()).recordMap.projects?.[projectId!]?.bpm
    })
    .toBe(93.5)
  await page.reload()
  await expect(page.locator('[name=bpm]')).toHaveValue('93.5')
  await context.close()
  await again.stop()
})
