// Compiled by types.test.js, which expects an error at each line that says so.
import * as Badger from '../../../examples/javascript/poco';
import { PocoDataSource } from '../../../examples/javascript/falcor';

const view = Badger.decode('BTIT'); // wrong
if (view.type === 'title') {
    view.name = 'another'; // wrong
    const year: number = view.year; // wrong
    view.artOf('poster'); // wrong
    console.log(year);
}
if (view.type === 'gallery') {
    view.row(0).item(0); // wrong
    new PocoDataSource({ galery: view }); // wrong
}
