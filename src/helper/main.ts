process.stdout.write('helper\n');
