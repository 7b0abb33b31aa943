// Two people in one small song: what the tests of undo and of the history begin with.
import type { Page } from '@playwright/test'
import { expect, invite, newClip, newProject, newTrack, open, USER_2, type Musician } from './band'

/** A project of Alice's with a track and two clips at beats 4 and 12, open in both browsers. */
export async function duet(alice: Musician, bob: Musician, name: string) {
  const project = await newProject(alice, name)
  await invite(alice, project, USER_2)
  const track = await newTrack(alice, project, 'Bass')
  const riff = await newClip(alice, track, 'Riff', { startBeat: 4 })
  const fill = await newClip(alice, track, 'Fill', { startBeat: 12 })
  await open(alice, project)
  await open(bob, project)
  for (const { page } of [alice, bob]) await expect(clipOf(page, fill)).toHaveAttribute('data-start-beat', '12')
  return { project, track, riff, fill }
}

export const clipOf = (page: Page, id: string) => page.locator(`[data-testid=clip][data-clip-id="${id}"]`)
export const faderOf = (page: Page, track: string) => page.locator(`[data-testid=strip][data-track-id="${track}"] [data-testid=fader]`)
