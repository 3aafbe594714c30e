module kubectl-migrate.lab/programs

go 1.24
