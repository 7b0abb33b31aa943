// A schema of one record type with one number, for tldraw's room.
import { StoreSchema, createRecordType } from '@tldraw/store';

const type = createRecordType('edit', { validator: { validate: (record) => record }, scope: 'document' });

export const schema = StoreSchema.create({ edit: type });
export const record = (number) => type.create({ id: type.createId(String(number)), value: 0 });
