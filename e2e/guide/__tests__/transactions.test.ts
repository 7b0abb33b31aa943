// The implementation guide's unit tests as they are printed there.
import { describe, it, expect } from 'vitest'
import { applyOperation, invertOperation } from '../transactions'

describe('applyOperation', () => {
  it('should apply set operation', () => {
    const record = { id: '1', version: 1, name: 'Old' }
    const op = { type: 'set', table: 'projects', id: '1', key: 'name', value: 'New' }

    const result = applyOperation(record, op)

    expect(result.name).toBe('New')
    expect(result.version).toBe(2)
  })

  it('should apply listInsert operation', () => {
    const record = { id: '1', version: 1, collaborators: ['user1'] }
    const op = {
      type: 'listInsert',
      table: 'projects',
      id: '1',
      key: 'collaborators',
      value: 'user2',
      position: 'append'
    }

    const result = applyOperation(record, op)

    expect(result.collaborators).toEqual(['user1', 'user2'])
    expect(result.version).toBe(2)
  })
})

describe('invertOperation', () => {
  it('should invert set operation', () => {
    const before = { id: '1', version: 1, name: 'Old' }
    const after = { id: '1', version: 2, name: 'New' }
    const op = { type: 'set', table: 'projects', id: '1', key: 'name', value: 'New' }

    const inverted = invertOperation(before, after, op)

    expect(inverted.value).toBe('Old')
  })
})
