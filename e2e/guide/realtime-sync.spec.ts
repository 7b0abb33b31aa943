// The implementation guide's test as it is printed there, but for the two places that say so.
import { test, expect } from '@playwright/test'
import { invite } from '../band'

test('real-time collaboration', async ({ browser }) => {
  // Create 2 browser contexts (2 users)
  const user1 = await browser.newContext()
  const user2 = await browser.newContext()

  const page1 = await user1.newPage()
  const page2 = await user2.newPage()

  // User 1 logs in and creates project
  await page1.goto('/login')
  await page1.fill('[name=email]', 'user1@example.com')
  await page1.fill('[name=password]', 'password')
  await page1.click('button[type=submit]')

  await page1.goto('/projects/new')
  await page1.fill('[name=name]', 'Test Project')
  await page1.click('button[type=submit]')

  const projectId = await page1.locator('[data-project-id]').getAttribute('data-project-id')

  // User 2 logs in and opens same project
  await page2.goto('/login')
  await page2.fill('[name=email]', 'user2@example.com')
  await page2.fill('[name=password]', 'password')
  await page2.click('button[type=submit]')

  // Not in the guide: without being a member, user 2 gets nothing.
  await invite({ page: page1 }, projectId!, 'user2@example.com')

  await page2.goto(`/projects/${projectId}`)

  // User 1 changes BPM
  await page1.fill('[name=bpm]', '140')
  // The guide calls `page1.blur('[name=bpm]')`, which Playwright does not have.
  await page1.locator('[name=bpm]').blur()

  // User 2 should see updated BPM in real-time
  await expect(page2.locator('[name=bpm]')).toHaveValue('140', { timeout: 2000 })

  // Clean up
  await user1.close()
  await user2.close()
})
