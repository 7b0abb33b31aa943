// What somebody gets who is no member: nothing.
import { expect, invite, newClip, newProject, newTrack, open, read, test, upload, USER_2 } from './band'
import { sineWav } from './recordings'

test('a non-member cannot open a project, read it, write to it or fetch its recordings (PE2, PE3)', async ({ alice, bob }) => {
  const project = await newProject(alice, 'Private sketches')
  const track = await newTrack(alice, project, 'Voice')
  const file = await upload(alice, project, 'voice.wav', sineWav({ seconds: 0.5 }))
  const clip = await newClip(alice, track, 'Voice', { audioFileId: file.id })

  await bob.page.goto(`/projects/${project}`)
  await expect(bob.page.getByRole('heading')).toBeVisible()
  await expect(bob.page.locator('[data-project-id]')).toHaveCount(0)
  await expect(bob.page.getByText('Private sketches')).toHaveCount(0)
  await expect(bob.page.getByText('Voice')).toHaveCount(0)

  for (const [table, id] of [['projects', project], ['tracks', track], ['clips', clip], ['audio_files', file.id]]) {
    expect(await read(bob, table, id), `${table} as a stranger`).toBeUndefined()
    expect(await read(alice, table, id), `${table} as its owner`).toBeDefined()
  }
  const request = bob.page.request
  expect([403, 404]).toContain((await request.get(`/api/projects/${project}/records`)).status())
  expect([403, 404]).toContain((await request.post(`/api/audio-files/${file.id}/download`, { data: { kind: 'original' } })).status())
  const attempt = await request.post('/api/realtime/write', {
    data: {
      txId: 'intrusion-1',
      authorId: bob.userId,
      operations: [{ type: 'set', table: 'tracks', id: track, key: 'name', value: 'Mine' }],
      clientTimestamp: 0,
    },
  })
  expect(attempt.status()).toBe(403)
  expect((await read(alice, 'tracks', track)).name).toBe('Voice')

  const listed = await (await request.get('/api/projects')).text()
  expect(listed).not.toContain(project)

  // The same address opens as soon as he is let in.
  await invite(alice, project, USER_2)
  await open(bob, project)
})

test('without a session every page of the studio leads to the login', async ({ browser }) => {
  const context = await browser.newContext({ baseURL: process.env.UNISONO_URL })
  const page = await context.newPage()
  for (const path of ['/projects', '/projects/any', '/projects/new']) {
    await page.goto(path)
    await expect(page).toHaveURL(/\/login/)
    await expect(page.locator('[name=password]')).toBeVisible()
  }
  await context.close()
})
