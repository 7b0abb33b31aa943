// Roles, invitations, and what becomes of somebody who loses access: two browsers.
import type { Page, WebSocketRoute } from '@playwright/test'
import { expect, invite, newClip, newProject, newTrack, open, read, test, upload, USER_2, write, type Musician } from './band'
import { keys, network as counted } from './offline'
import { sineWav } from './recordings'

async function people(page: Page) {
  await page.getByTestId('presence').click()
  const panel = page.getByTestId('people-panel')
  await expect(panel).toBeVisible()
  return panel
}

/** The membership of somebody in a project, as its owner finds it. */
async function membership(owner: Musician, project: string, user: Musician) {
  const answer = await owner.page.request.get(`/api/projects/${project}/records`)
  const members = Object.values((await answer.json()).recordMap.project_members) as any[]
  return members.find((member) => member.userId === user.userId && !member.deleted)
}

const add = (owner: Musician, project: string, role: string) => invite(owner, project, USER_2, role)

async function setRole(owner: Musician, project: string, user: Musician, role: string) {
  const { id } = await membership(owner, project, user)
  await write(owner, [{ type: 'set', table: 'project_members', id, key: 'role', value: role }])
}

/** A network that can be lost, without a word as in a tunnel, and found again. */
async function tunnel(page: Page) {
  let inside = false
  let current: WebSocketRoute | undefined
  await page.routeWebSocket(/\/api\/realtime/, (client) => {
    current = client
    const server = client.connectToServer()
    client.onMessage((message) => inside || server.send(message))
    server.onMessage((message) => inside || client.send(message))
  })
  return {
    enter: () => {
      inside = true
    },
    leave: async () => {
      inside = false
      await current?.close()
    },
  }
}

test('a link lets a friend in, everybody sees it, and a revoked one says so (PE4)', async ({ alice, bob }) => {
  const project = await newProject(alice, 'Open house')
  await open(alice, project)
  const panel = await people(alice.page)
  await panel.getByTestId('make-link').click()
  const link = await panel.getByTestId('fresh-link').inputValue()
  expect(link).toContain('/invitations/')
  await expect(panel.getByTestId('link')).toHaveCount(1)

  await bob.page.goto(link)
  await expect(bob.page.getByRole('heading')).toContainText('Open house')
  await bob.page.getByRole('button', { name: 'Join the project' }).click()
  await expect(bob.page.locator('[data-project-id]')).toHaveAttribute('data-project-id', project)
  // Alice sees him at once, and that the link has been used.
  await expect(panel.getByTestId('member')).toHaveCount(2)
  await expect(panel.getByTestId('link')).toHaveCount(0)
  await expect(alice.page.getByTestId('presence')).toHaveAttribute('data-count', '2')

  await panel.getByTestId('make-link').click()
  await expect(panel.getByTestId('link')).toHaveCount(1)
  const second = await panel.getByTestId('fresh-link').inputValue()
  await panel.getByTestId('revoke-link').click()
  await expect(panel.getByTestId('link')).toHaveCount(0)
  const stranger = await bob.context.browser()!.newContext({ baseURL: process.env.UNISONO_URL })
  const page = await stranger.newPage()
  await page.goto(second)
  await expect(page.getByRole('heading')).toContainText('taken back')
  await stranger.close()
  expect(alice.complaints).toEqual([])
})

test('somebody who is logged out joins after logging in (PE4)', async ({ alice, browser }) => {
  const project = await newProject(alice, 'Late guests')
  const made = await alice.page.request.post(`/api/projects/${project}/invitations`, { data: { role: 'viewer' } })
  const context = await browser.newContext({ baseURL: process.env.UNISONO_URL })
  const page = await context.newPage()
  await page.goto((await made.json()).url)
  await page.getByRole('link', { name: 'Make an account and join' }).click()
  await page.fill('[name=name]', 'Guest')
  await page.fill('[name=email]', `guest-${Date.now()}@example.com`)
  await page.fill('[name=password]', 'a long password')
  await page.click('button[type=submit]')
  await page.getByRole('button', { name: 'Join the project' }).click()
  await expect(page.locator('[data-project-id]')).toHaveAttribute('data-project-id', project)
  await expect(page.getByTestId('only-listens')).toBeVisible()
  await context.close()
})

test('a viewer sees everything and can change nothing (PE3)', async ({ alice, bob }) => {
  const project = await newProject(alice, 'Gallery')
  const track = await newTrack(alice, project, 'Voice')
  const clip = await newClip(alice, track, 'Voice', { startBeat: 4 })
  await add(alice, project, 'viewer')
  await open(bob, project)
  const page = bob.page
  await expect(page.getByTestId('only-listens')).toBeVisible()
  await expect(page.getByTestId('add-track')).toHaveCount(0)
  await expect(page.getByTestId('import')).toHaveCount(0)
  // Whoever may only listen begins with mute and solo for themselves.
  await expect(page.getByTestId('for-me')).toHaveAttribute('aria-pressed', 'true')
  await expect(page.getByTestId('mute').first()).toBeEnabled()
  await page.getByTestId('for-all').click()
  for (const control of ['mute', 'solo', 'track-menu']) await expect(page.getByTestId(control).first()).toBeDisabled()
  await expect(page.getByTestId('mute').first()).toHaveAttribute('title', /listen/)
  await expect(page.locator('[name=bpm]')).not.toBeEditable()
  await expect(page.locator('[name=timeSignature]')).toBeDisabled()
  const fader = page.getByTestId('strip').getByTestId('fader')
  await expect(fader).toHaveAttribute('aria-readonly', 'true')

  // Dragging moves nothing, not even for a moment, and keys say why.
  const handle = page.locator(`[data-clip-id="${clip}"]`)
  const box = (await handle.boundingBox())!
  await page.mouse.move(box.x + 10, box.y + box.height / 2)
  await page.mouse.down()
  await page.mouse.move(box.x + 200, box.y + box.height / 2, { steps: 5 })
  await expect(handle).toHaveAttribute('data-start-beat', '4')
  await page.mouse.up()
  await expect(handle).toHaveAttribute('data-start-beat', '4')
  const knob = (await fader.boundingBox())!
  await page.mouse.move(knob.x + knob.width / 2, knob.y + knob.height / 2)
  await page.mouse.down()
  await page.mouse.move(knob.x + knob.width / 2, knob.y + 4, { steps: 4 })
  await page.mouse.up()
  await expect(fader).toHaveAttribute('aria-valuenow', '1.0000')
  await page.keyboard.press('t')
  await expect(page.getByTestId('track')).toHaveCount(1)
  await handle.focus()
  await page.keyboard.press('Delete')
  await expect(page.getByTestId('toast')).toContainText('not change it')
  await expect(handle).toHaveCount(1)

  const panel = await people(page)
  await expect(panel.getByTestId('make-link')).toHaveCount(0)
  await expect(panel.getByTestId('role')).toHaveText(['Viewer', 'Owner'])
  expect((await read(alice, 'clips', clip)).startBeat).toBe(4)

  // Made an editor while it is open, everything works at once, and mute is for all.
  await page.keyboard.press('Escape')
  await page.getByTestId('for-me').click()
  await setRole(alice, project, bob, 'editor')
  await expect(page.getByTestId('only-listens')).toHaveCount(0)
  await expect(page.getByTestId('add-track')).toBeVisible()
  await expect(page.getByTestId('for-all')).toHaveAttribute('aria-pressed', 'true')
})

test('an owner changes roles and removes; the last one cannot leave (PE3)', async ({ alice, bob }) => {
  const project = await newProject(alice, 'Band rules')
  await open(alice, project)
  const panel = await people(alice.page)
  const mine = panel.locator(`[data-user-id="${alice.userId}"]`)
  await expect(mine.getByTestId('role')).toBeDisabled()
  await expect(mine.getByTestId('end-membership')).toBeDisabled()
  await expect(mine).toContainText('keeps at least one owner')

  await add(alice, project, 'editor')
  const his = panel.locator(`[data-user-id="${bob.userId}"]`)
  await his.getByTestId('role').selectOption('owner')
  await expect(mine.getByTestId('end-membership')).toBeEnabled()
  await expect.poll(async () => (await membership(alice, project, bob)).role).toBe('owner')
  await his.getByTestId('role').selectOption('viewer')
  await expect.poll(async () => (await membership(alice, project, bob)).role).toBe('viewer')

  // He leaves by himself, and lands among his projects.
  await open(bob, project)
  const own = (await people(bob.page)).locator(`[data-user-id="${bob.userId}"]`)
  await own.getByTestId('end-membership').click()
  await own.getByTestId('confirm-end').click()
  await expect(bob.page).toHaveURL(/\/projects$/)
  await expect(panel.getByTestId('member')).toHaveCount(1)
  await expect(bob.page.getByText('Band rules')).toHaveCount(0)
})

test('who is removed while editing is told, and what was not saved is listed (PE5, PS1)', async ({ alice, bob }) => {
  const project = await newProject(alice, 'Closing time')
  const track = await newTrack(alice, project, 'Voice')
  const file = await upload(alice, project, 'voice.wav', sineWav({ seconds: 0.5 }))
  await newClip(alice, track, 'Voice', { audioFileId: file.id })
  await add(alice, project, 'editor')
  const network = await tunnel(bob.page)
  await open(bob, project)
  const signed = await bob.page.request.post(`/api/audio-files/${file.id}/download`, { data: { kind: 'original' } })
  const { url } = await signed.json()
  expect((await bob.page.request.get(url)).status()).toBe(200)

  // Away from the network he goes on editing.
  const { id } = await membership(alice, project, bob)
  network.enter()
  await bob.page.getByTestId('mute').first().click()
  await expect(bob.page.getByTestId('mute').first()).toHaveAttribute('aria-pressed', 'true')
  await write(alice, [{ type: 'set-now', table: 'project_members', id, key: 'deleted' }])
  await network.leave()

  const page = bob.page
  await expect(page.getByTestId('closed-to-you')).toContainText('no longer in this project')
  await expect(page.getByTestId('closed-to-you')).toContainText('1 edit was not saved')
  await expect(page.getByTestId('unsaved')).toContainText('Mute')
  expect((await bob.page.request.get(url)).status()).toBe(403)
})

test('an edit made away from the network by somebody who became a viewer is refused in words (PE5)', async ({ alice, bob }) => {
  const project = await newProject(alice, 'Second thoughts')
  await newTrack(alice, project, 'Voice')
  await add(alice, project, 'editor')
  const page = bob.page
  const network = await tunnel(page)
  await open(bob, project)
  network.enter()
  await setRole(alice, project, bob, 'viewer')
  await page.getByTestId('mute').first().click()
  await network.leave()
  await expect(page.getByTestId('mute').first()).toHaveAttribute('aria-pressed', 'false')
  const notice = page.getByTestId('not-saved')
  await expect(notice).toContainText('1 edit was not saved')
  await expect(notice.getByTestId('unsaved')).toContainText('Mute')
  await expect(page.getByTestId('only-listens')).toBeVisible()
})

test('a clip in the hand of somebody who may only listen from now on, or is removed, lands nowhere, and they are told (PE3, PE5)', async ({ alice, bob }) => {
  const { page } = bob
  const project = await newProject(alice, 'Out of the hand')
  const track = await newTrack(alice, project, 'Bass')
  const clip = await newClip(alice, track, 'Riff', { startBeat: 4 })
  await add(alice, project, 'editor')
  const line = await counted(page)
  await open(bob, project)
  const riff = page.locator(`[data-testid=clip][data-clip-id="${clip}"]`)
  const takeUp = async () => {
    const box = (await riff.boundingBox())!
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2]
    await page.mouse.move(x, y)
    await page.mouse.down()
    await page.mouse.move(x + 160, y, { steps: 8 })
    return { x, y }
  }

  const first = await takeUp()
  await setRole(alice, project, bob, 'viewer')
  await expect(page.getByTestId('only-listens')).toBeVisible()
  await page.mouse.move(first.x + 240, first.y, { steps: 8 })
  await page.mouse.up()
  await expect(page.getByTestId('toast').filter({ hasText: 'You can listen to this project and look at it, not change it' })).toBeVisible()
  await expect(riff).toHaveAttribute('data-start-beat', '4')

  await setRole(alice, project, bob, 'editor')
  await expect(page.getByTestId('only-listens')).toHaveCount(0)
  const second = await takeUp()
  await write(alice, [{ type: 'set-now', table: 'project_members', id: (await membership(alice, project, bob)).id, key: 'deleted' }])
  await expect(page.getByTestId('closed-to-you')).toContainText('You are no longer in this project')
  await page.mouse.move(second.x + 240, second.y, { steps: 8 })
  await page.mouse.up()
  await expect(page.getByTestId('closed-to-you')).toBeVisible()
  await expect(page.getByTestId('unsaved')).toHaveCount(0)

  expect(line.transactions()).toBe(0)
  expect(await keys(page, 'queue', bob.userId)).toEqual([])
  expect((await read(alice, 'clips', clip)).startBeat).toBe(4)
  // Calls that a closed project refuses are in the console; a panic would be, too.
  expect(bob.complaints.filter((complaint) => !/status of 403/.test(complaint))).toEqual([])
})
